"""Every method of the official client that sends a request to a resource of ours is named by some test of this folder.

Read from the sources of the tests, so it proves that a test exists, not what that test looks at: the response is
validated by the strict client that all of them use.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import anthropic
from anthropic._resource import SyncAPIResource

SENDS = re.compile(r"self\._(get|get_api_list|post|put|patch|delete)\(")
ROOTS = ("beta", "files", "skills")
OUT_OF_SCOPE = {
    "beta.messages": "sessions are how work is done here; the Messages API is what stands behind this server",
    "beta.models": "any model id is taken and passed on, so there is no list of them",
    "beta.organization": "people, keys and spending are managed on pages; its webhooks are in scope",
    "beta.tunnels": "they lead into a cloud; this server stands inside already",
    "beta.user_profiles": "identity checks of a cloud's customers",
}
IN_SCOPE = ("beta.organization.webhooks",)


def test_every_method_is_called_by_a_test_of_the_wire():
    named = {name for path in Path(__file__).parent.glob("test_*.py") for name in names_in(path.read_text())}
    assert sorted(served_methods() - named) == []


def test_what_is_out_of_scope_exists():
    methods = all_methods()
    assert [name for name in (*OUT_OF_SCOPE, *IN_SCOPE) if not any(is_below(one, name) for one in methods)] == []


def served_methods() -> set[str]:
    return {
        method
        for method in all_methods()
        if any(is_below(method, name) for name in IN_SCOPE) or not any(is_below(method, name) for name in OUT_OF_SCOPE)
    }


def all_methods() -> set[str]:
    client = anthropic.Anthropic(api_key="none", base_url="http://localhost")
    return {f"{root}.{name}" for root in ROOTS for name in methods_of(type(getattr(client, root)))}


def methods_of(resource: type) -> Iterator[str]:
    for name in (name for name in dir(resource) if not name.startswith("_")):
        member = inspect.getattr_static(resource, name)
        if isinstance(member, (property, cached_property)):
            getter: Any = member.fget if isinstance(member, property) else member.func
            below = inspect.signature(getter, eval_str=True)
            if isinstance(below.return_annotation, type) and issubclass(below.return_annotation, SyncAPIResource):
                yield from (f"{name}.{method}" for method in methods_of(below.return_annotation))
        elif inspect.isfunction(member) and SENDS.search(inspect.getsource(member)):
            yield name


def is_below(method: str, name: str) -> bool:
    return method == name or method.startswith(f"{name}.")


def names_in(source: str) -> set[str]:
    """The client's methods that a test file names, through the short names that it gives to resources, too."""
    tree = ast.parse(source)
    short: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Attribute() as value):
                short[name] = dotted(value, short)
            case (
                ast.FunctionDef(name=name, body=[*_, ast.Return(value=ast.Attribute() as value)])
                | ast.FunctionDef(
                    name=name, body=[*_, ast.With(body=[ast.Expr(value=ast.Yield(value=ast.Attribute() as value))])]
                )
            ):
                short[name] = dotted(value, short)
    return {dotted(node, short) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def dotted(node: ast.expr, short: dict[str, str]) -> str:
    """`wire.beta.agents.list` as "beta.agents.list"."""
    match node:
        case ast.Attribute(value=ast.Name(id=name), attr=attr):
            return f"{short[name]}.{attr}" if name in short else attr
        case ast.Attribute(value=ast.Call(), attr=attr):
            return attr
        case ast.Attribute(value=value, attr=attr):
            return f"{dotted(value, short)}.{attr}"
    return ""
