"""Everybody and everything once for a whole module: each test sees them, and what it changes is taken back.

For modules that ask hundreds of small questions about one world: `from tests.shared_world import *`.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from agents.actors import Actor
from agents.models import Member, Role, Scope, Workspace
from agents.services.api_keys import issue_api_key
from agents.services.members import add_member
from agents.services.workspaces import create_workspace

__all__ = ["World", "alice", "api_key", "bob", "charlie", "rita", "stranger_key", "workspace", "world"]


@dataclass(frozen=True, kw_only=True)
class World:
    """Who the fixtures of the same names are elsewhere."""

    workspace: Workspace
    alice: Member
    rita: Member
    bob: Member
    charlie: Member
    api_key: str
    stranger_key: str

    @property
    def actor(self) -> Actor:
        return Actor.of_member(self.alice)

    @property
    def stranger(self) -> Actor:
        return Actor.of_member(self.charlie)


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[World]:
    """The rows of a transaction around all tests of the module, each of which is a savepoint in it."""
    around = transaction.atomic()
    setattr(around, "_from_testcase", True)  # noqa: B010 - as the transaction of a test: code that must begin its own may do so inside
    with django_db_blocker.unblock(), around:  # type: ignore[attr-defined]
        yield _make_world()
        transaction.set_rollback(True)


@pytest.fixture
def workspace(world: World, db: None) -> Workspace:
    return deepcopy(world.workspace)


@pytest.fixture
def alice(world: World, db: None) -> Member:
    return deepcopy(world.alice)


@pytest.fixture
def rita(world: World, db: None) -> Member:
    return deepcopy(world.rita)


@pytest.fixture
def bob(world: World, db: None) -> Member:
    return deepcopy(world.bob)


@pytest.fixture
def charlie(world: World, db: None) -> Member:
    return deepcopy(world.charlie)


@pytest.fixture
def api_key(world: World, db: None) -> str:
    return world.api_key


@pytest.fixture
def stranger_key(world: World, db: None) -> str:
    return world.stranger_key


def _make_world() -> World:
    here, elsewhere = create_workspace("Acme"), create_workspace("Elsewhere")
    return World(
        workspace=here,
        alice=_person(here, "alice", Role.ADMIN),
        rita=_person(here, "rita", Role.REVIEWER),
        bob=_person(here, "bob", Role.VIEWER),
        charlie=_person(elsewhere, "charlie", Role.ADMIN),
        api_key=issue_api_key(here, "test key", scopes=list(Scope))[1],
        stranger_key=issue_api_key(elsewhere, "strange key", scopes=list(Scope))[1],
    )


def _person(workspace: Workspace, name: str, role: str) -> Member:
    return add_member(workspace, User.objects.create_user(name), role)
