"""Queries whose SQL is made once: for one that every call asks, making it costs four times as much as running it."""

from collections.abc import Callable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators

_MARK = "the value of a prepared query"


class PreparedQuery[Row: Model]:
    """A queryset with one place for a text, `make(text)`; `select_related` is honoured, nothing else of a queryset's
    life after the SQL is (prefetches, annotations). The SQL is made at the first use."""

    def __init__(self, make: Callable[[str], "QuerySet[Row]"]) -> None:
        self._make = make
        self._compiled: Any = None

    def first(self, value: str) -> Row | None:
        sql, marked, build = self._compiled or self._compile()
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.cursor() as cursor:
            cursor.execute(sql, [value if param == _MARK else param for param in marked])
            row = cursor.fetchone()
        found: Row | None = build(row, connection) if row else None
        return found

    def _compile(self) -> Any:
        connection = connections[DEFAULT_DB_ALIAS]
        rows = self._make(_MARK)[:1]
        compiler = rows.query.get_compiler(connection=connection)
        sql, marked = compiler.as_sql()
        klass = compiler.klass_info
        fields = klass["select_fields"]
        first, last = fields[0], fields[-1] + 1
        names = [column[0].target.attname for column in compiler.select[first:last]]
        related = get_related_populators(klass, compiler.select, DEFAULT_DB_ALIAS, rows._fetch_mode)  # type: ignore[attr-defined]
        converters = compiler.get_converters([column[0] for column in compiler.select])

        def build(row: Any, connection: Any) -> Any:
            values = list(row)
            for position, (functions, expression) in converters.items():
                for function in functions:
                    values[position] = function(values[position], expression, connection)
            found = klass["model"].from_db(DEFAULT_DB_ALIAS, names, values[first:last])
            for populator in related:
                populator.populate(values, found)
            return found

        self._compiled = (sql, marked, build)
        return self._compiled
