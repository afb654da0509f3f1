"""Memory stores, memories and versions through the official client."""

from datetime import UTC, datetime

import anthropic
import pytest

from agents.actors import Actor
from agents.models import OutboxEvent, Session, SessionResource
from memory.limits import MEMORIES_PER_STORE_MAX
from memory.models import Memory, MemoryStore, MemoryVersion
from memory.services import create_memory, sha256_of


def precondition(content: str):
    return {"type": "content_sha256", "content_sha256": sha256_of(content)}


@pytest.fixture
def memories(wire):
    return wire.beta.memory_stores.memories


@pytest.fixture
def memory(memories, store):
    return memories.create(store.id, path="/notes/a.md", content="one")


def test_a_store_is_made_read_changed_and_archived(wire, store):
    stores = wire.beta.memory_stores
    assert stores.retrieve(store.id) == store
    changed = stores.update(store.id, description="", metadata={"a": "1"})
    assert (changed.description, changed.metadata) == ("", {"a": "1"})
    assert [found.id for found in stores.list()] == [store.id]
    assert stores.archive(store.id).archived_at
    assert list(stores.list()) == []
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        stores.update(store.id, name="x")


def test_a_store_shows_when_it_changed_and_not_when_its_memories_did(wire, store, memory):
    stores = wire.beta.memory_stores
    assert stores.retrieve(store.id).updated_at == store.updated_at == store.created_at
    assert stores.update(store.id, name=store.name).updated_at == store.updated_at
    assert stores.update(store.id, name="Other").updated_at > store.updated_at


def test_a_stores_metadata_is_merged_and_its_description_cleared_by_null(wire, store):
    wire.beta.memory_stores.update(store.id, metadata={"a": "1", "b": "2"})
    changed = wire.beta.memory_stores.update(store.id, metadata={"a": None, "c": "3"}, description=None)
    assert (changed.metadata, changed.description, changed.name) == ({"b": "2", "c": "3"}, "", store.name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "name: "),
        ({"name": "x" * 256}, "name: "),
        ({"name": "a\tb"}, "name: "),
        ({"description": "x" * 1_025}, "description: "),
        ({"metadata": {"": "x"}}, "metadata: "),
        ({"more": 1}, "more: "),
    ],
)
def test_a_bad_store_is_refused_by_its_member(wire, store, change, message):
    for refused in (
        lambda: wire.beta.memory_stores.create(name="x", extra_body=change),
        lambda: wire.beta.memory_stores.update(store.id, extra_body=change),
    ):
        with pytest.raises(anthropic.BadRequestError) as refusal:
            refused()
        assert refusal.value.body["error"]["message"].startswith(message)
    assert list(wire.beta.memory_stores.list()) == [store]


def test_stores_are_listed_newest_first_within_bounds(wire):
    stores = wire.beta.memory_stores
    first, second, third = (stores.create(name="same name") for _ in range(3))
    assert [found.id for found in stores.list(limit=1)] == [third.id, second.id, first.id]
    only = stores.list(created_at_gte=second.created_at, created_at_lte=second.created_at)
    assert [found.id for found in only] == [second.id]
    stores.archive(second.id)
    assert [found.id for found in stores.list(include_archived=True)] == [third.id, second.id, first.id]


def test_a_deleted_store_takes_its_memories_and_versions_along(wire, memories, store, memory, agent, environment):
    kept = wire.beta.memory_stores.create(name="kept")
    memories.create(kept.id, path="/a", content="kept")
    resources = [{"type": "memory_store", "memory_store_id": store.id}]
    session = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, resources=resources)
    gone = wire.beta.memory_stores.delete(store.id)
    assert (gone.id, gone.type) == (store.id, "memory_store_deleted")
    assert (Memory.objects.get().store_id, MemoryVersion.objects.get().store_id) == (kept.id, kept.id)
    assert OutboxEvent.objects.get(type="memory_store.deleted").object_id == store.id
    for missing in (wire.beta.memory_stores.retrieve, wire.beta.memory_stores.delete, memories.list):
        with pytest.raises(anthropic.NotFoundError):
            missing(store.id)
    assert wire.beta.sessions.retrieve(session.id).resources[0].memory_store_id == store.id
    assert SessionResource.objects.count() == 1


def test_an_archived_store_is_read_pruned_and_deleted_and_not_written(wire, memories, store, memory):
    other = memories.create(store.id, path="/b", content="other")
    memories.update(memory.id, memory_store_id=store.id, content="two")
    wire.beta.memory_stores.archive(store.id)
    assert memories.retrieve(memory.id, memory_store_id=store.id).content == "two"
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        memories.create(store.id, path="/c", content="")
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        memories.update(memory.id, memory_store_id=store.id, content="three")
    memories.delete(other.id, memory_store_id=store.id)
    versions = wire.beta.memory_stores.memory_versions
    assert versions.redact(memory.memory_version_id, memory_store_id=store.id).redacted_at
    assert wire.beta.memory_stores.delete(store.id).id == store.id


def test_an_archived_store_is_attached_to_no_new_session(wire, store, agent, environment):
    wire.beta.memory_stores.archive(store.id)
    resources = [{"type": "memory_store", "memory_store_id": store.id}]
    with pytest.raises(anthropic.BadRequestError, match="archived"):
        wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, resources=resources)


def test_a_file_and_a_folder_never_share_a_path(memories, store, memory):
    for path in ("/notes", "/notes/a.md/deeper"):
        with pytest.raises(anthropic.ConflictError) as refusal:
            memories.create(store.id, path=path, content="")
        assert refusal.value.body["error"]["conflicting_path"] == "/notes/a.md"
    other = memories.create(store.id, path="/b", content="")
    with pytest.raises(anthropic.ConflictError) as refusal:
        memories.update(other.id, memory_store_id=store.id, path="/notes/a.md")
    assert refusal.value.type == "memory_path_conflict_error"
    assert memories.create(store.id, path="/NOTES", content="").path == "/NOTES"


@pytest.mark.parametrize(
    "path",
    ["", "a", "/", "/a/", "//a", "/a/../b", "/.", "/" + "/".join("a" * 21), "/" + "x" * 1_024, "/e\u0301", "/a\u200bb"],
)
def test_a_bad_path_is_refused(memories, store, memory, path):
    with pytest.raises(anthropic.BadRequestError, match="path: "):
        memories.create(store.id, path=path, content="")
    with pytest.raises(anthropic.BadRequestError, match="path: "):
        memories.update(memory.id, memory_store_id=store.id, path=path)


def test_an_update_of_nothing_makes_no_version_and_a_rename_makes_one(wire, memories, store, memory):
    assert memories.update(memory.id, memory_store_id=store.id).memory_version_id == memory.memory_version_id
    renamed = memories.update(memory.id, memory_store_id=store.id, path="/b", precondition=precondition("one"))
    (version, _) = wire.beta.memory_stores.memory_versions.list(store.id, memory_id=memory.id)
    assert (renamed.id, renamed.path, version.operation, version.path) == (memory.id, "/b", "modified", "/b")
    with pytest.raises(anthropic.ConflictError):
        memories.update(memory.id, memory_store_id=store.id, path="/c", precondition=precondition("two"))


def test_create_and_update_answer_without_content_and_retrieve_with_it(memories, store):
    made = memories.create(store.id, path="/a", content="tëxt")
    assert (made.content, made.content_size_bytes, made.content_sha256) == (None, 5, sha256_of("tëxt"))
    assert memories.create(store.id, path="/b", content="", view="full").content == ""
    assert memories.retrieve(made.id, memory_store_id=store.id).content == "tëxt"
    assert memories.retrieve(made.id, memory_store_id=store.id, view="basic").content is None


def test_a_precondition_without_its_hash_is_refused_and_not_taken_for_none(memories, store, memory):
    with pytest.raises(anthropic.BadRequestError, match=r"precondition\.content_sha256: "):
        memories.update(memory.id, memory_store_id=store.id, content="two", precondition={"type": "content_sha256"})
    assert memories.retrieve(memory.id, memory_store_id=store.id).content == "one"


def test_a_full_store_takes_no_more_and_changes_what_it_has(memories, store, memory):
    row = Memory.objects.get()
    columns = {name: getattr(row, name) for name in ("content_sha256", "content_size_bytes", "head_version_id")}
    times = {"created_at": row.created_at, "updated_at": row.updated_at}
    more = range(MEMORIES_PER_STORE_MAX - 1)
    Memory.objects.bulk_create(Memory(store_id=store.id, path=f"/{n}", **columns, **times) for n in more)
    with pytest.raises(anthropic.BadRequestError, match="2,000 memories"):
        memories.create(store.id, path="/one-more", content="")
    assert memories.update(memory.id, memory_store_id=store.id, path="/moved").path == "/moved"
    assert len({entry.path for entry in memories.list(store.id, limit=100)}) == MEMORIES_PER_STORE_MAX


def test_what_a_session_writes_names_it_and_is_found_by_it(wire, memories, store, memory, session):
    agent = Actor.of_session(Session.objects.get(pk=session.id))
    written = create_memory(MemoryStore.objects.get(), path="/by-agent", content="learnt", actor=agent)
    versions = wire.beta.memory_stores.memory_versions
    (only,) = versions.list(store.id, session_id=session.id)
    assert (only.memory_id, only.created_by.type, only.created_by.session_id) == (
        written.pk,
        "session_actor",
        session.id,
    )
    assert list(versions.list(store.id, service_account_id=session.id)) == []
    assert list(versions.list(store.id, session_id=session.id, api_key_id=session.id)) == []


def test_an_update_with_its_precondition_moves_the_head(memories, store, memory):
    updated = memories.update(
        memory.id, memory_store_id=store.id, content="two", path="/notes/b.md", precondition=precondition("one")
    )
    assert (updated.id, updated.path) == (memory.id, "/notes/b.md")
    assert updated.memory_version_id != memory.memory_version_id


def test_a_stale_precondition_is_its_own_conflict_and_a_repeated_update_none(memories, store, memory):
    memories.update(memory.id, memory_store_id=store.id, content="two", precondition=precondition("one"))
    memories.update(memory.id, memory_store_id=store.id, content="two", precondition=precondition("one"))
    with pytest.raises(anthropic.ConflictError) as refusal:
        memories.update(memory.id, memory_store_id=store.id, content="three", precondition=precondition("one"))
    assert refusal.value.type == "memory_precondition_failed_error"
    with pytest.raises(anthropic.ConflictError) as refusal:
        memories.delete(memory.id, memory_store_id=store.id, expected_content_sha256=sha256_of("one"))
    assert refusal.value.type == "memory_precondition_failed_error"


def test_an_empty_hash_is_no_wish_to_delete_whatever_is_there(memories, store, memory):
    with pytest.raises(anthropic.ConflictError) as refusal:
        memories.delete(memory.id, memory_store_id=store.id, expected_content_sha256="")
    assert refusal.value.type == "memory_precondition_failed_error"
    assert memories.retrieve(memory.id, memory_store_id=store.id).path == memory.path


def test_a_taken_path_names_the_memory_that_has_it(memories, store, memory):
    with pytest.raises(anthropic.ConflictError) as refusal:
        memories.create(store.id, path="/notes/a.md", content="")
    assert refusal.value.type == "memory_path_conflict_error"
    assert refusal.value.body["error"]["conflicting_memory_id"] == memory.id
    assert refusal.value.body["error"]["conflicting_path"] == "/notes/a.md"


def test_a_deleted_memory_is_gone_and_its_versions_stay(wire, memories, store, memory):
    gone = memories.delete(memory.id, memory_store_id=store.id, expected_content_sha256=memory.content_sha256)
    assert (gone.id, gone.type) == (memory.id, "memory_deleted")
    with pytest.raises(anthropic.NotFoundError):
        memories.retrieve(memory.id, memory_store_id=store.id)
    versions = list(wire.beta.memory_stores.memory_versions.list(store.id, memory_id=memory.id, view="full"))
    assert [(version.operation, version.content, version.path) for version in versions] == [
        ("deleted", None, "/notes/a.md"),
        ("created", "one", "/notes/a.md"),
    ]


def test_the_list_shows_a_subtree_or_one_level_in_the_order_of_paths(memories, store):
    for path in ("/b.md", "/a/x.md", "/a/deep/y.md", "/a.md", "/A.md"):
        memories.create(store.id, path=path, content="")
    everything = [memory.path for memory in memories.list(store.id, limit=2)]
    assert everything == ["/A.md", "/a.md", "/a/deep/y.md", "/a/x.md", "/b.md"]
    top = [(entry.type, entry.path) for entry in memories.list(store.id, depth=1, limit=2)]
    assert top == [("memory", "/A.md"), ("memory", "/a.md"), ("memory_prefix", "/a/"), ("memory", "/b.md")]
    assert [memory.path for memory in memories.list(store.id, path_prefix="/a/")] == ["/a/deep/y.md", "/a/x.md"]


def test_a_full_list_has_at_most_twenty_on_a_page(memories, store):
    for number in range(21):
        memories.create(store.id, path=f"/{number:02}", content=str(number))
    page = memories.list(store.id, view="full", limit=100)
    assert (len(page.data), page.data[0].content) == (20, "0")
    assert len(list(page)) == 21


def test_versions_are_filtered_by_what_happened_and_who_did_it(wire, memories, store, memory, api_key):
    versions = wire.beta.memory_stores.memory_versions
    memories.update(memory.id, memory_store_id=store.id, content="two")
    modified = list(versions.list(store.id, operation="modified"))
    assert [version.memory_id for version in modified] == [memory.id]
    author = modified[0].created_by.api_key_id
    assert len(list(versions.list(store.id, api_key_id=author, limit=1))) == 2
    assert list(versions.list(store.id, session_id=author)) == []
    assert list(versions.list(store.id, created_at_lte=datetime(2020, 1, 1, tzinfo=UTC))) == []
    assert versions.retrieve(modified[0].id, memory_store_id=store.id).content == "two"
    assert versions.retrieve(modified[0].id, memory_store_id=store.id, view="basic").content is None


def test_an_old_version_can_be_redacted_and_the_head_cannot(wire, memories, store, memory):
    versions = wire.beta.memory_stores.memory_versions
    with pytest.raises(anthropic.BadRequestError, match="current version"):
        versions.redact(memory.memory_version_id, memory_store_id=store.id)
    memories.update(memory.id, memory_store_id=store.id, content="two")
    wiped = versions.redact(memory.memory_version_id, memory_store_id=store.id)
    assert (wiped.path, wiped.content, wiped.redacted_by.type) == (None, None, "api_actor")
    assert (wiped.content_sha256, wiped.content_size_bytes, wiped.created_by.type) == (None, None, "api_actor")
    assert versions.redact(memory.memory_version_id, memory_store_id=store.id) == wiped
    assert memories.retrieve(memory.id, memory_store_id=store.id).content == "two"


def test_every_version_of_a_deleted_memory_can_be_redacted(wire, memories, store, memory):
    memories.delete(memory.id, memory_store_id=store.id)
    versions = wire.beta.memory_stores.memory_versions
    for version in versions.list(store.id):
        versions.redact(version.id, memory_store_id=store.id)
    assert [version.path for version in versions.list(store.id)] == [None, None]


def test_versions_page_newest_first_and_at_most_twenty_with_content(wire, memories, store, memory):
    for number in range(22):
        memories.update(memory.id, memory_store_id=store.id, content=str(number))
    versions = wire.beta.memory_stores.memory_versions
    everything = [version.id for version in versions.list(store.id, limit=100)]
    assert len(everything) == 23
    assert [version.id for version in versions.list(store.id, limit=5)] == everything
    full = versions.list(store.id, view="full", limit=100)
    assert (len(full.data), full.data[0].content) == (20, "21")
    assert len(list(full)) == 23


def test_filters_of_versions_are_taken_together(wire, memories, store, memory):
    other = memories.create(store.id, path="/b", content="")
    versions = wire.beta.memory_stores.memory_versions
    (only,) = versions.list(store.id, memory_id=other.id, operation="created")
    assert only.memory_id == other.id
    author = only.created_by.api_key_id
    assert list(versions.list(store.id, memory_id=other.id, operation="deleted")) == []
    assert list(versions.list(store.id, api_key_id=author, service_account_id=author)) == []
    assert list(versions.list(store.id, created_at_gte=only.created_at, memory_id=memory.id)) == []
    with pytest.raises(anthropic.BadRequestError, match="operation"):
        versions.list(store.id, operation="renamed")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("depth=2", "depth"),
        ("path_prefix=/a", "path_prefix"),
        ("view=huge", "view"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("page=page_rubbish", "page"),
        ("page=rubbish", "page"),
    ],
)
def test_a_bad_query_is_refused_by_its_name(call, store, query, field):
    response = call("GET", f"memory_stores/{store.id}/memories?{query}")
    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith(f"{field}:")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"path": "a", "content": ""}, "path:"),
        ({"path": "/a", "content": None}, "content:"),
        ({"path": "/a", "content": "x" * 102_401}, "content:"),
        ({"path": "/a"}, "content:"),
        ({"path": "/a", "content": "", "more": 1}, "more:"),
    ],
)
def test_a_bad_memory_is_refused_by_its_member(wire, store, body, field):
    with pytest.raises(anthropic.BadRequestError) as refusal:
        wire.post(
            f"/v1/memory_stores/{store.id}/memories",
            cast_to=object,
            body=body,
            options={"headers": {"anthropic-beta": "agent-memory-2026-07-22"}},
        )
    assert refusal.value.body["error"]["message"].startswith(field)


def test_a_cursor_of_another_list_is_refused(wire, memories, store):
    for number in range(2):
        memories.create(store.id, path=f"/{number}", content="")
    page = memories.list(store.id, limit=1)
    with pytest.raises(anthropic.BadRequestError, match="another list"):
        wire.beta.memory_stores.memory_versions.list(store.id, page=page.next_page)
