"""Sessions of browsers, in the database; a cookie that could never be one's key is no cookie."""

from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore


class SessionStore(DatabaseStore):
    """PostgreSQL cannot even be asked for a key with U+0000, which a quoted cookie can carry."""

    def __init__(self, session_key: Any = None) -> None:
        super().__init__(session_key if session_key and session_key.isalnum() else None)
