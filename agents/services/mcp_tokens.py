"""What a session signs in with at an MCP server: the token of a vault's credential, renewed when it has to be."""

import threading
import time
from datetime import datetime, timedelta

from django.db import connections
from django.utils import timezone

from agents.actors import Actor
from agents.exceptions import DomainError
from agents.models import AuthType, Credential
from agents.services.credential_secrets import secrets_of
from agents.services.token_refresh import refresh_tokens

EARLY = timedelta(seconds=30)  # a token that is about to run out would do so on the way
PAUSE_SECONDS = 60.0  # a server that refuses fresh tokens too does not get one with every request


class McpToken:
    """One credential's token for one connection; its methods ask the database and a token endpoint, and may be called
    from any thread."""

    def __init__(self, credential: Credential, *, actor: Actor) -> None:
        self._pk = credential.pk
        self._actor = actor
        self._lock = threading.Lock()
        self._value = ""
        self._expires_at: datetime | None = None
        self._renewed_at: float | None = None

    def current(self) -> str:
        """The token to send; a fresh one where the old one has run out. Empty where the credential is gone."""
        with self._lock:
            if not self._value or self._is_over():
                self._in_thread(self._load)
            return self._value

    def after_refusal(self, refused: str) -> str:
        """A token in place of the one that the server refused; empty where there is none."""
        with self._lock:
            if self._value == refused:
                self._in_thread(self._renew)
            return self._value if self._value != refused else ""

    def _in_thread(self, work: object) -> None:
        """The pool's threads outlive this work: they must not keep its database connection."""
        assert callable(work)
        try:
            work()
        except DomainError:
            self._value = ""  # a secret that no key opens signs nobody in
        finally:
            connections.close_all()

    def _load(self) -> None:
        credential = self._read()
        if credential and self._is_over() and self._renewable(credential):
            self._renew()

    def _renew(self) -> None:
        before = self._value
        credential = self._read()
        # Somebody else may have renewed it: the stored token is another one then, and is to be tried first.
        if credential and self._value in ("", before) and self._renewable(credential):
            self._renewed_at = time.monotonic()
            refresh_tokens(credential, actor=self._actor)
            self._read()

    def _read(self) -> Credential | None:
        """What is stored now."""
        credential = Credential.objects.filter(pk=self._pk, archived_at=None).select_related("vault").first()
        secrets = secrets_of(credential) if credential else {}
        self._value = secrets.get("access_token") or secrets.get("token") or ""
        expires_at = credential.auth.get("expires_at") if credential else None
        self._expires_at = datetime.fromisoformat(expires_at) if expires_at else None
        return credential

    def _is_over(self) -> bool:
        return self._expires_at is not None and self._expires_at <= timezone.now() + EARLY

    def _renewable(self, credential: Credential) -> bool:
        is_oauth = credential.auth_type == AuthType.MCP_OAUTH and bool(credential.auth.get("refresh"))
        return is_oauth and (self._renewed_at is None or time.monotonic() - self._renewed_at > PAUSE_SECONDS)
