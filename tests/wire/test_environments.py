"""Environments through the official client."""

import anthropic
import pytest


def test_a_new_environment_comes_back_resolved(wire):
    environment = wire.beta.environments.create(
        name="box", description="d", metadata={"a": "b"}, config={"type": "cloud", "packages": {"pip": ["rich"]}}
    )
    assert environment == wire.beta.environments.retrieve(environment.id)
    assert environment.config.networking.type == "unrestricted"
    assert (environment.config.packages.pip, environment.config.packages.apt) == (["rich"], [])
    assert environment.scope == "organization"


def test_the_default_is_a_cloud_box(wire, environment):
    assert (environment.config.type, environment.description) == ("cloud", None)
    assert [found.id for found in wire.beta.environments.list()] == [environment.id]


def test_a_name_is_taken_once(wire, environment):
    with pytest.raises(anthropic.ConflictError, match="box"):
        wire.beta.environments.create(name="box")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "self_hosted"}, "config.type"),
        ({"type": "moon"}, "config"),
        ({"type": "cloud", "networking": {"type": "limited"}, "packages": {"pip": ["x"]}}, "config.packages"),
    ],
)
def test_a_bad_config_is_refused_by_its_member(wire, config, message):
    with pytest.raises(anthropic.BadRequestError) as refusal:
        wire.beta.environments.create(name="box", config=config)
    assert refusal.value.body["error"]["message"].startswith(message)
