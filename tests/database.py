"""The database that tests share: emptied after a test whose transactions were real, once nothing works on it any more.

Why no TRUNCATE, which Django would use: it takes 0.1 s however little there is, and locks every table against whatever
the running product does at that moment, so that the two may wait for each other.
"""

import time
from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Model, Q
from django.utils import timezone

from agents.actors import platform
from agents.eventlog.statements import INTERRUPT
from agents.exceptions import DomainError
from agents.models import Session, Thread
from agents.services.events import send_events
from dreams.models import Dream
from dreams.services import cancel_dream

REST_SECONDS = 60.0
ATTEMPTS = 12
LOCK_SECONDS = 5
# What migrations write, and the tests never.
KEPT = ("django_migrations", "django_content_type", "auth_permission")


def come_to_rest() -> list[str]:
    """End the turns and dreams that a test left under way and wait until no worker drives any; those that go on."""
    deadline = time.monotonic() + REST_SECONDS
    asked: set[str] = set()
    while going_on := list(_going_on()):
        if time.monotonic() > deadline:
            break
        for row in going_on:
            if row.pk not in asked:
                asked.add(row.pk)
                _end(row)
        time.sleep(0.02)
    return [row.pk for row in going_on]


def empty_database() -> None:
    """Take away what a test committed. Whoever is in the way gets a minute, then is named."""
    for attempt in range(ATTEMPTS):
        try:
            _delete_rows()
            return
        except DatabaseError as error:  # a deadlock, a lock not given, a row that came in between
            if attempt + 1 == ATTEMPTS:
                raise AssertionError(f"the database could not be emptied: {error}\n{_at_work()}")
            time.sleep(0.1 * attempt)


def _going_on() -> Iterator[Thread | Dream]:
    """What some worker drives, and what one would take up at once."""
    now = timezone.now()
    waiting = Q(wake__gt=F("seen")) & (Q(wake_at=None) | Q(wake_at__lte=now))
    for model in (Thread, Dream):
        yield from model._default_manager.filter(Q(lease_until__isnull=False) | waiting)


def _end(row: Model) -> None:
    try:
        if isinstance(row, Dream):
            cancel_dream(row, actor=platform(row.workspace))
        elif isinstance(row, Thread):
            session = Session.objects.get(pk=row.session_id)
            send_events(session, [{"type": INTERRUPT}], actor=platform(session.workspace))
    except (DomainError, DatabaseError, Session.DoesNotExist):
        pass  # it came to its own end meanwhile, or is about to


def _delete_rows() -> None:
    tables = [name for name in connection.introspection.table_names() if name not in KEPT]
    quoted = {name: connection.ops.quote_name(name) for name in tables}
    found = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {quoted[name]})" for name in tables)
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        cursor.execute(found)
        for (name,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {quoted[name]}")


def _at_work() -> list[Any]:
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, state, wait_event, left(query, 200) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        return cursor.fetchall()
