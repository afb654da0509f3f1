"""Prepared statements read and write what querysets do."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from agents.models import OutboxEvent, Workspace
from agents.prepared import PreparedDelete, PreparedInsert, PreparedQuery, PreparedUpdate

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return Workspace.objects.create(name="Prepared", settings={"a": [1]})


def made(workspace, count):
    rows = [OutboxEvent(workspace=workspace, type=f"t{n}", object_id="o", data={"n": n}) for n in range(count)]
    PreparedInsert(OutboxEvent).run(rows)
    return rows


def test_what_is_inserted_is_what_a_queryset_finds(workspace):
    rows = made(workspace, 120)  # more than one statement holds
    found = OutboxEvent.objects.in_bulk()
    assert [(row.type, row.data, row.created_at) for row in rows] == [
        (found[row.pk].type, found[row.pk].data, found[row.pk].created_at) for row in rows
    ]


def test_the_same_query_finds_other_rows_for_other_values(workspace):
    made(workspace, 3)
    of_type = PreparedQuery[OutboxEvent](
        lambda type: OutboxEvent.objects.filter(type=type).select_related("workspace").defer("object_id")
    )
    assert [of_type.first(f"t{n}").data for n in range(3)] == [{"n": n} for n in range(3)]
    row = of_type.first("t1")
    assert row.workspace.settings == {"a": [1]}
    assert row.get_deferred_fields() == {"object_id"}
    assert of_type.first("none") is None


def test_tuples_of_a_values_list_are_converted(workspace):
    made(workspace, 2)
    data = PreparedQuery[tuple[str, dict[str, int]]](
        lambda before: OutboxEvent.objects.filter(created_at__lt=before).order_by("type").values_list("type", "data")
    )
    assert data.all(timezone.now() + timedelta(minutes=1)) == [("t0", {"n": 0}), ("t1", {"n": 1})]
    assert not data.exists(timezone.now() - timedelta(minutes=1))


def test_an_update_writes_values_nulls_and_expressions_and_counts_rows(workspace):
    named = PreparedUpdate(lambda id: Workspace.objects.filter(pk=id))
    assert named.run(workspace.pk, name="Other", settings={"b": None}) == 1
    assert named.run(workspace.pk, name=F("id")) == 1
    assert named.run("wrkspc_none", name="Other") == 0
    workspace.refresh_from_db()
    assert (workspace.name, workspace.settings) == (workspace.pk, {"b": None})


def test_a_value_never_becomes_part_of_the_statement(workspace):
    made(workspace, 2)
    PreparedDelete(lambda type: OutboxEvent.objects.filter(type=type)).run("t0' OR '1'='1")
    assert OutboxEvent.objects.count() == 2
    PreparedDelete(lambda type: OutboxEvent.objects.filter(type=type)).run("t0")
    assert OutboxEvent.objects.get().type == "t1"
