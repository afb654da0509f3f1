"""The examples of the API's document: one per operation, and all of them run from top to bottom."""

import inspect
import json
import re
from typing import is_typeddict

import anthropic
import pytest
from jsonschema import Draft202012Validator

from agents.actors import Actor
from agents.api import own_answers
from agents.api.answers import returned_by
from agents.api.examples import EXAMPLES, example_of
from agents.api.own_answers import OWN_ANSWERS
from agents.services.environment_keys import issue_environment_key
from agents.services.environments import create_environment
from dreams.models import Lane
from tests.pages.reviews import make_proposal, make_store

JSON = "application/json"
ROUTE = re.compile(r'span_route="(.+?)"')
VERB = re.compile(r"self\._(get|post|delete)")


def test_every_operation_has_its_example_and_every_example_its_operation(client):
    paths = client.get("/v1/openapi.json").json()["paths"]
    operations = {(method, path): one for path, methods in paths.items() for method, one in methods.items()}
    assert [key for key in operations if not example_of(*key)] == []
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


def test_every_example_runs_and_is_answered_as_described(stack, live_sdk, workspace, alice, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    actor = Actor.of_member(alice)
    store = make_store(actor)
    for lane in (Lane.REVIEW, Lane.REVIEW, Lane.QUARANTINE):
        make_proposal(actor, store, lane=lane)
    queue = create_environment({"name": "queue", "config": {"type": "self_hosted"}}, actor=actor)
    key = issue_environment_key(queue, "the worker", actor=actor)[1]
    names = {"client": live_sdk, "queue_id": queue.pk, "environment_key": key}
    answers = Answers(live_sdk.get("/v1/openapi.json", cast_to=object))
    live_sdk._client.event_hooks["response"].append(answers.look)
    for operation, example in EXAMPLES.items():
        try:
            exec(example.code, names)
        except Exception as error:
            pytest.fail(f"{operation}: {error}\n{example.code}")
    assert answers.wrong == []
    assert [own for own in OWN_ANSWERS if own not in answers.seen] == []


class Answers:
    """Compares what is sent and answered with what the document says of it; of our own there is no member more."""

    def __init__(self, document):
        self.schemas = document["components"]["schemas"]
        for name in (name for name, kind in vars(own_answers).items() if is_typeddict(kind)):
            self.schemas[name]["additionalProperties"] = False
        operations = [(path, method) for path, methods in document["paths"].items() for method in methods]
        self.operations = [
            (method.upper(), path.removeprefix("/v1"), document["paths"][path][method])
            for path, method in sorted(operations, key=lambda operation: operation[0].count("{"))
        ]
        self.seen, self.wrong = set(), []

    def look(self, response):
        method, address = response.request.method, response.request.url.path.removeprefix("/v1")
        path, described = next(
            (path, described)
            for known, path, described in self.operations
            if known == method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), address)
        )
        self.seen.add(f"{method} {path}")
        if JSON in described.get("requestBody", {}).get("content", {}):
            self.compare(f"{method} {path}", described["requestBody"], json.loads(response.request.content or "{}"))
        if response.status_code == 200 and response.headers["content-type"].startswith(JSON):
            response.read()
            self.compare(f"answer to {method} {path}", described["responses"]["200"], response.json())

    def compare(self, what, described, found):
        schema = {**described["content"][JSON]["schema"], "components": {"schemas": self.schemas}}
        for error in Draft202012Validator(schema).iter_errors(found):
            self.wrong.append(f"{what} {error.json_path}: {error.message}"[:300])


def nameless(path):
    return re.sub(r"{\w+}", "{}", path)
