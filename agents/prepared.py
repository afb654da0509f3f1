"""Statements whose SQL is made once: for what every turn asks, making it costs four times as much as running it.

A queryset is written as usual, by a function whose parameters are the values that each call brings; it is compiled at
the first use. Values are texts, numbers, times, and JSON objects and lists.
"""

import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import DateTimeField, Expression, JSONField, Model, QuerySet
from django.db.models.expressions import Col
from django.db.models.query import ModelIterable, get_related_populators
from django.db.models.sql import DeleteQuery, UpdateQuery
from pydantic_core import from_json

SHAPES_MAX = 200  # sets of columns of one UPDATE; the code has a few


@dataclass(frozen=True, slots=True)
class _Place:
    index: int


type Making = Callable[..., QuerySet[Any, Any]]


class Slot(Expression):
    """The place of a value in a prepared statement."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", [_Place(self.index)]


class PreparedQuery[Row]:
    """Reads the rows of a queryset, or the tuples of its `values_list`. `only`, `defer` and `select_related` are
    honoured; what Django does after the SQL is not (prefetches, annotations of objects).

    `parameters` counts them where the function's signature does not. With `is_limited` the last value of a call is how
    many rows to read at most, which no queryset can leave open."""

    def __init__(self, make: Making, *, parameters: int | None = None, is_limited: bool = False) -> None:
        self._make = make
        self._parameters = _parameters(make) if parameters is None else parameters
        self._is_limited = is_limited
        self._compiled: Any = None

    def first(self, *values: Any) -> Row | None:
        """For one row at most; the queryset says which where there may be several."""
        rows = self.all(*values)
        return rows[0] if rows else None

    def all(self, *values: Any) -> list[Row]:
        sql, params, build = self._compiled or self._compile()
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.cursor() as cursor:
            cursor.execute(sql, _filled(params, values, connection))
            rows = cursor.fetchall()
        return [build(row, connection) for row in rows]

    def exists(self, *values: Any) -> bool:
        return bool(self.all(*values))

    def _compile(self) -> Any:
        connection = connections[DEFAULT_DB_ALIAS]
        rows = _with_slots(self._make, self._parameters)
        compiler = rows.query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        if self._is_limited:
            sql, params = f"{sql} LIMIT %s", (*params, _Place(self._parameters))
        converters = _converters(compiler)
        finish = _model_builder(compiler, rows) if issubclass(rows._iterable_class, ModelIterable) else tuple

        def build(row: Any, connection: Any) -> Any:
            values = list(row)
            for position, functions, expression in converters:
                value = values[position]
                for function in functions:
                    value = function(value, expression, connection)
                values[position] = value
            return finish(values)

        self._compiled = (sql, params, build)
        return self._compiled


def _converters(compiler: Any) -> list[tuple[int, list[Callable[..., Any]], Any]]:
    """Django's own for what a column holds, but for the two kinds that most of a row's time goes to."""
    found = []
    for position, (functions, expression) in compiler.get_converters([column[0] for column in compiler.select]).items():
        column = expression.output_field if isinstance(expression, Col) else None
        if isinstance(column, JSONField) and column.decoder is None:
            functions = [_from_json_text]
        elif isinstance(column, DateTimeField) and compiler.connection.vendor == "sqlite":
            functions = [_in_utc]
        found.append((position, functions, expression))
    return found


def _from_json_text(text: Any, expression: Any, connection: Any) -> Any:
    """The compiled reader takes a third of the time of Python's own, which knows half a surrogate pair."""
    if text is None:
        return None
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text)


def _in_utc(moment: datetime | None, expression: Any, connection: Any) -> datetime | None:
    """Django writes times into SQLite in UTC, without saying so."""
    return moment and moment.replace(tzinfo=UTC)


def _model_builder(compiler: Any, rows: Any) -> Callable[[list[Any]], Any]:
    klass = compiler.klass_info
    first, last = klass["select_fields"][0], klass["select_fields"][-1] + 1
    names = [column[0].target.attname for column in compiler.select[first:last]]
    related = get_related_populators(klass, compiler.select, DEFAULT_DB_ALIAS, rows._fetch_mode)

    def finish(values: list[Any]) -> Any:
        found = klass["model"].from_db(DEFAULT_DB_ALIAS, names, values[first:last])
        for populator in related:
            populator.populate(values, found)
        return found

    return finish


class PreparedUpdate:
    """Changes columns of a queryset's rows and says how many there were. Its SQL is made once for each set of columns;
    a column's new value may be an expression such as `F("wake")`."""

    def __init__(self, make: Making) -> None:
        self._make = make
        self._compiled: dict[tuple[tuple[str, Any], ...], Any] = {}

    def run(self, *where: Any, **changes: Any) -> int:
        shape = tuple((name, value if _is_expression(value) else None) for name, value in changes.items())
        sql, params, fields = self._compiled.get(shape) or self._compile(shape)
        connection = connections[DEFAULT_DB_ALIAS]
        new = [field.get_db_prep_save(changes[name], connection) for name, field in fields.items()]
        with connection.cursor() as cursor:
            cursor.execute(sql, _filled(params, [*where, *new], connection))
            return int(cursor.rowcount)

    def _compile(self, shape: tuple[tuple[str, Any], ...]) -> Any:
        query: Any = _with_slots(self._make).query.chain(UpdateQuery)
        plain = [name for name, expression in shape if expression is None]
        slots = {name: Slot(_parameters(self._make) + index) for index, name in enumerate(plain)}
        query.add_update_values({name: slots.get(name, expression) for name, expression in shape})
        sql, params = query.get_compiler(connection=connections[DEFAULT_DB_ALIAS]).as_sql()
        made = (sql, params, {name: query.get_meta().get_field(name) for name in plain})
        if len(self._compiled) >= SHAPES_MAX:
            self._compiled.clear()
        self._compiled[shape] = made
        return made


class PreparedDelete:
    """Deletes a queryset's rows in the database alone: for tables that nothing hangs on."""

    def __init__(self, make: Making) -> None:
        self._make = make
        self._compiled: Any = None

    def run(self, *values: Any) -> None:
        connection = connections[DEFAULT_DB_ALIAS]
        if self._compiled is None:
            query: Any = _with_slots(self._make).query.chain(DeleteQuery)
            self._compiled = query.get_compiler(connection=connection).as_sql()
        sql, params = self._compiled
        with connection.cursor() as cursor:
            cursor.execute(sql, _filled(params, values, connection))


class PreparedInsert[Row: Model]:
    """Inserts rows with all their columns; a key that the database counts is not told."""

    ROWS_MAX = 50  # in one statement: SQLite takes a bounded number of values

    def __init__(self, model: type[Row]) -> None:
        self._model = model
        self._fields: Any = [field for field in model._meta.concrete_fields if not field.db_returning]

    def run(self, rows: Sequence[Row]) -> None:
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.cursor() as cursor:
            for start in range(0, len(rows), self.ROWS_MAX):
                batch = rows[start : start + self.ROWS_MAX]
                cursor.execute(self._sql(len(batch), connection), self._values(batch, connection))
        for row in rows:
            row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS

    def _sql(self, count: int, connection: Any) -> str:
        quote = connection.ops.quote_name
        columns = ", ".join(quote(field.column) for field in self._fields)
        places = f"({', '.join(['%s'] * len(self._fields))})"
        table = quote(self._model._meta.db_table)
        return f"INSERT INTO {table} ({columns}) VALUES {', '.join([places] * count)}"  # noqa: S608 - names of ours only

    def _values(self, rows: Sequence[Row], connection: Any) -> list[Any]:
        return [
            field.get_db_prep_save(getattr(row, field.attname), connection=connection)
            for row in rows
            for field in self._fields
        ]


def _is_expression(value: Any) -> bool:
    return hasattr(value, "resolve_expression")


def _with_slots(make: Making, parameters: int | None = None) -> Any:
    return make(*map(Slot, range(_parameters(make) if parameters is None else parameters)))


def _parameters(make: Making) -> int:
    return len(inspect.signature(make).parameters)


def _filled(params: Sequence[Any], values: Sequence[Any], connection: Any) -> list[Any]:
    return [_adapted(values[param.index], connection) if isinstance(param, _Place) else param for param in params]


def _adapted(value: Any, connection: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, dict | list):
        return connection.ops.adapt_json_value(value, None)
    return value
