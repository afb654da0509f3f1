"""The database at start: does it answer, and has it every table."""

import psycopg
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection

CONNECT_SECONDS = 5


def prepare_database() -> None:
    """Bring the tables up to date, or say in one line what is wrong with the database."""
    try:
        if connection.vendor == "postgresql":
            _connect_once()
        call_command("migrate", interactive=False, verbosity=0)
    except (DatabaseError, psycopg.Error) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CommandError(f"DATABASE_URL: the database cannot be used: {reason}")


def _connect_once() -> None:
    # The connection pool would try for half a minute before it says no.
    parameters = {**connection.get_connection_params(), "connect_timeout": CONNECT_SECONDS}
    parameters.pop("pool", None)
    psycopg.connect(**parameters).close()
