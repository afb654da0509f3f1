"""The examples of the API's document: one per operation, and all of them run from top to bottom."""

import inspect
import re

import anthropic
import pytest

from agents.actors import Actor
from agents.api.answers import returned_by
from agents.api.examples import EXAMPLES, example_of
from dreams.models import Lane
from tests.pages.reviews import make_proposal, make_store

OPENED_LATER = ("work",)  # a worker's calls need a worker's key
ROUTE = re.compile(r'span_route="(.+?)"')
VERB = re.compile(r"self\._(get|post|delete)")


def test_every_operation_has_its_example_and_every_example_its_operation(client):
    paths = client.get("/v1/openapi.json").json()["paths"]
    operations = {(method, path): one for path, methods in paths.items() for method, one in methods.items()}
    assert [
        key for key, one in operations.items() if not example_of(*key) and one["tags"][-1] not in OPENED_LATER
    ] == []
    described = {example_of(*key) for key in operations}
    assert [name for name, example in EXAMPLES.items() if example not in described] == []


@pytest.mark.parametrize("operation", [name for name, example in EXAMPLES.items() if example.method])
def test_an_example_names_the_method_that_makes_the_call(operation):
    example = EXAMPLES[operation]
    method, path = operation.split(" ")
    assert f"client.{example.method}(" in example.code
    found = anthropic.Anthropic(api_key="none", base_url="http://localhost")
    for name in example.method.split("."):
        found = getattr(found, name)
    source = inspect.getsource(found)
    assert VERB.search(source)[1].upper() == method
    assert nameless(ROUTE.search(source)[1]) == nameless(f"/v1{path}")
    assert returned_by(example.method)


def test_every_example_runs(stack, live_sdk, workspace, alice, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    actor = Actor.of_member(alice)
    store = make_store(actor)
    for lane in (Lane.REVIEW, Lane.REVIEW, Lane.QUARANTINE):
        make_proposal(actor, store, lane=lane)
    names = {"client": live_sdk}
    for operation, example in EXAMPLES.items():
        try:
            exec(example.code, names)
        except Exception as error:
            pytest.fail(f"{operation}: {error}\n{example.code}")


def nameless(path):
    return re.sub(r"{\w+}", "{}", path)
