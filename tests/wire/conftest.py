"""The official client with strict validation of every response, and the calls that no client makes."""

import anthropic
import pytest
from django.test import Client

from agents.api.auth import AGENT_MEMORY, DREAMING, MANAGED_AGENTS, WEBHOOKS


@pytest.fixture
def wire(sdk: anthropic.Anthropic) -> anthropic.Anthropic:
    return strict(sdk)


@pytest.fixture
def stranger(stranger_sdk: anthropic.Anthropic) -> anthropic.Anthropic:
    return strict(stranger_sdk)


def strict(client: anthropic.Anthropic) -> anthropic.Anthropic:
    """The same client, which raises where a response differs from the SDK's own models."""
    client._strict_response_validation = True
    return client


BETAS = {"memory_stores": AGENT_MEMORY, "dreams": DREAMING, "organizations": WEBHOOKS}


class Caller:
    """Calls as a program without the SDK makes them, good headers included unless told otherwise."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.client = Client(raise_request_exception=False)

    def __call__(self, method: str, path: str, body=None, **headers):
        group = path.split("/")[0].split("?")[0]
        sent = {
            "authorization": f"Bearer {self.key}",
            "anthropic-version": "2026-10-21",
            "anthropic-beta": BETAS.get(group, MANAGED_AGENTS),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        given = {name: value for name, value in sent.items() if value is not None}
        content_type = given.pop("content-type", "application/json")
        return self.client.generic(method, f"/v1/{path}", body or b"", content_type=content_type, headers=given)


@pytest.fixture
def call(api_key: str) -> Caller:
    return Caller(api_key)


@pytest.fixture
def environment(wire):
    return wire.beta.environments.create(name="box")


@pytest.fixture
def agent(wire):
    return wire.beta.agents.create(name="Ann", model="claude-opus-5-5", tools=[{"type": "agent_toolset_20260401"}])


@pytest.fixture
def session(wire, agent, environment):
    return wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)


@pytest.fixture
def store(wire):
    return wire.beta.memory_stores.create(name="Field notes", description="What we learnt")
