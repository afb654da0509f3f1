"""The few rules of the house that are rules, checked against what is really there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from django.apps import apps
from django.db.models import CheckConstraint

ROOT = Path(__file__).resolve().parent.parent
APPS = ("agents", "memory", "outcomes", "dreams")
EFFECTS = re.compile(r"\.(save|create|bulk_create|update|delete)\(")
INLINE = re.compile(r"""\s(on[a-z]+|style)\s*=\s*["']|javascript:""", re.IGNORECASE)


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in path.parts)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def pure_modules() -> list[str]:
    found = []
    for path in sources(*APPS):
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        if docstring.startswith("PURE"):
            found.append(module_name(path))
    return found


def is_table_or_verb(name: str) -> bool:
    return name.split(".")[1:2] in (["models"], ["services"])


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph(*APPS, include_external_packages=True, exclude_type_checking_imports=True)


@pytest.mark.parametrize("module", pure_modules())
def test_a_pure_module_reaches_neither_django_nor_tables_nor_verbs(imports: grimp.ImportGraph, module: str):
    effectful = [name for name in imports.modules if name == "django" or is_table_or_verb(name)]
    for target in effectful:
        if target != module and not module.startswith(f"{target}."):
            assert not imports.find_shortest_chain(module, target)


def edge_files() -> list[Path]:
    return [path for path in sources(*APPS) if {path.stem, path.parent.name} & {"api", "views"}]


@pytest.mark.parametrize("path", edge_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_an_edge_never_writes_a_row_itself(path: Path):
    lines = [line.strip() for line in path.read_text().splitlines() if ".objects" in line or ".save(" in line]
    assert [line for line in lines if EFFECTS.search(line)] == []


@pytest.mark.parametrize("path", sorted((ROOT / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_a_template_holds_no_inline_style_or_handler(path: Path):
    assert INLINE.findall(path.read_text()) == []


def test_every_status_is_guarded_by_the_database():
    unguarded = []
    for model in apps.get_models():
        if model._meta.app_label not in APPS or not any(field.name == "status" for field in model._meta.fields):
            continue
        conditions = [str(item.condition) for item in model._meta.constraints if isinstance(item, CheckConstraint)]
        if not any("'status__in'" in condition for condition in conditions):
            unguarded.append(model.__name__)
    assert unguarded == []
