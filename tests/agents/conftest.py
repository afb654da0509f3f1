"""An agent with the built-in tools, and sessions of it."""

from collections.abc import Callable
from typing import Any

import pytest

from agents.actors import Actor
from agents.models import Agent, Environment, Session
from agents.services.agents import create_agent
from agents.services.environments import create_environment
from agents.services.sessions import create_session

CLOUD = {"type": "cloud", "networking": {"type": "unrestricted"}, "packages": {"type": "packages"}}
TOOLSET = {"type": "agent_toolset_20260401"}


@pytest.fixture
def agent(actor: Actor) -> Agent:
    return create_agent({"name": "Worker", "model": "practice-1", "tools": [TOOLSET]}, actor=actor)


@pytest.fixture
def environment(actor: Actor) -> Environment:
    return create_environment({"name": "cloud", "config": CLOUD}, actor=actor)


@pytest.fixture
def make_session(actor: Actor, agent: Agent, environment: Environment, practice: str) -> Callable[..., Session]:
    """`make_session(**body)`: an idle session of the agent, without any event."""

    def make(**body: Any) -> Session:
        return create_session({"agent": agent.pk, "environment_id": environment.pk, **body}, actor=actor)

    return make
