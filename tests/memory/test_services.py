"""Writing memory: paths, sizes, versions, preconditions and two writers at once."""

import threading

import pytest
from django.db import connection, connections

from agents.actors import Actor, platform
from agents.exceptions import DomainError, InvalidRequest, NotFound, PermissionDenied
from agents.models import OutboxEvent, Workspace
from memory import services
from memory.exceptions import PathConflict, PreconditionFailed
from memory.limits import CONTENT_MAX_BYTES
from memory.models import Memory, MemoryStore, MemoryVersion, Operation, Tier
from memory.provenance import Provenance

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return Workspace.objects.create(name="Acme")


@pytest.fixture
def actor(workspace) -> Actor:
    return platform(workspace)


@pytest.fixture
def store(workspace) -> MemoryStore:
    return services.create_store(workspace, name="Field notes")


@pytest.fixture
def memory(store, actor) -> Memory:
    return services.create_memory(store, path="/notes/a.md", content="one", actor=actor)


def operations(memory: Memory) -> list[str]:
    return list(
        MemoryVersion.objects.filter(memory_id=memory.pk).order_by("created_at").values_list("operation", flat=True)
    )


def test_a_new_store_and_its_end_are_told_to_the_outbox(store):
    services.archive_store(store)
    services.archive_store(store)
    told = OutboxEvent.objects.order_by("created_at").values_list("type", flat=True)
    assert list(told) == ["memory_store.created", "memory_store.archived"]


BAD_PATHS = ["a.md", "", "/", "//a", "/a/", "/a//b", "/./a", "/a/../b", "/" + "/".join("x" * 21), "/" + "x" * 1024]
HIDDEN_IN_PATHS = ["/a\nb", "/a\x00", "/a\u200bb", "/a\u202eb", "/a\u2028b", "/e\u0301"]


@pytest.mark.parametrize("path", [*BAD_PATHS, *HIDDEN_IN_PATHS])
def test_a_bad_path_is_refused_by_its_field(store, actor, path):
    with pytest.raises(InvalidRequest, match=r"^path: "):
        services.create_memory(store, path=path, content="", actor=actor)


def test_the_longest_path_and_the_largest_content_are_kept_to_the_byte(store, actor):
    path = "/" + "/".join(["é" * 20] * 20)
    content = "\r\n\tä" + "x" * (CONTENT_MAX_BYTES - 5)
    memory = services.create_memory(store, path=path, content=content, actor=actor)
    memory.refresh_from_db()
    assert (memory.content, memory.content_size_bytes) == (content, CONTENT_MAX_BYTES)
    assert memory.content_sha256 == services.sha256_of(content)


@pytest.mark.parametrize(
    "content", ["x" * (CONTENT_MAX_BYTES + 1), "ä" * (CONTENT_MAX_BYTES // 2 + 1), "a\x00b", "\ud800"]
)
def test_content_that_is_too_large_or_no_text_is_refused(store, actor, content):
    with pytest.raises(InvalidRequest, match=r"^content: "):
        services.create_memory(store, path="/a", content=content, actor=actor)


@pytest.mark.parametrize("path", ["/notes/a.md", "/notes/a.md/b", "/notes"])
def test_a_taken_path_is_never_overwritten_and_a_file_is_no_folder(store, memory, actor, path):
    with pytest.raises(PathConflict) as refusal:
        services.create_memory(store, path=path, content="two", actor=actor)
    assert refusal.value.extra == {"conflicting_memory_id": memory.pk, "conflicting_path": "/notes/a.md"}


def test_paths_differ_by_case(store, memory, actor):
    services.create_memory(store, path="/NOTES", content="", actor=actor)
    services.create_memory(store, path="/Notes/a.md", content="", actor=actor)
    assert Memory.objects.filter(store=store).count() == 3


def test_every_change_leaves_one_version_and_nothing_else_does(memory, actor):
    services.update_memory(memory, content="two", actor=actor)
    services.update_memory(memory, content="two", actor=actor)
    services.update_memory(memory, actor=actor)
    services.update_memory(memory, path="/notes/b.md", actor=actor)
    assert operations(memory) == [Operation.CREATED, Operation.MODIFIED, Operation.MODIFIED]


def test_the_head_names_the_newest_version(memory, actor):
    memory = services.update_memory(memory, content="two", actor=actor)
    head = MemoryVersion.objects.get(pk=memory.head_version_id)
    assert (head.content, head.operation) == ("two", Operation.MODIFIED)


def test_a_stale_precondition_changes_nothing(memory, actor):
    services.update_memory(memory, content="two", actor=actor)
    with pytest.raises(PreconditionFailed):
        services.update_memory(memory, content="three", expected_sha256=services.sha256_of("one"), actor=actor)
    with pytest.raises(PreconditionFailed):
        services.update_memory(memory, path="/b", expected_sha256=services.sha256_of("one"), actor=actor)
    memory.refresh_from_db()
    assert (memory.content, memory.path) == ("two", "/notes/a.md")


def test_a_repeated_update_succeeds_though_its_precondition_is_stale(memory, actor):
    stale = services.sha256_of("one")
    first = services.update_memory(memory, content="two", expected_sha256=stale, actor=actor)
    again = services.update_memory(memory, content="two", expected_sha256=stale, actor=actor)
    assert again.head_version_id == first.head_version_id


def test_a_rename_onto_a_taken_path_is_refused_and_into_its_own_folder_is_not(store, memory, actor):
    services.create_memory(store, path="/b", content="", actor=actor)
    with pytest.raises(PathConflict):
        services.update_memory(memory, path="/b", actor=actor)
    assert services.update_memory(memory, path="/notes/a.md/c", actor=actor).pk == memory.pk


def test_deleting_keeps_the_versions(memory, actor):
    version = services.delete_memory(memory, expected_sha256=memory.content_sha256, actor=actor)
    assert (version.content, version.content_sha256, version.path) == (None, None, "/notes/a.md")
    assert operations(memory) == [Operation.CREATED, Operation.DELETED]
    with pytest.raises(NotFound):
        services.update_memory(memory, content="two", actor=actor)


def test_deleting_with_a_stale_precondition_deletes_nothing(memory, actor):
    with pytest.raises(PreconditionFailed):
        services.delete_memory(memory, expected_sha256="0" * 64, actor=actor)
    assert Memory.objects.filter(pk=memory.pk).exists()


def test_an_archived_store_can_be_read_and_emptied_but_not_written(store, memory, actor):
    services.archive_store(store)
    for write in (
        lambda: services.create_memory(store, path="/b", content="", actor=actor),
        lambda: services.update_memory(memory, content="two", actor=actor),
        lambda: services.update_store(store, {"name": "x"}),
    ):
        with pytest.raises(InvalidRequest, match="archived"):
            write()
    services.delete_memory(memory, actor=actor)


def test_a_version_keeps_its_author_and_its_provenance(store, workspace):
    session = Actor(workspace=workspace, session_id="sesn_1")
    trail = Provenance(proposal_id="prop_1", dream_id="drm_1", evidence=[{"session_id": "s", "event_id": "e"}])
    memory = services.create_memory(store, path="/a", content="", actor=session, provenance=trail)
    version = MemoryVersion.objects.get(pk=memory.head_version_id)
    assert (version.actor_type, version.actor_id, version.proposal_id) == ("session_actor", "sesn_1", "prop_1")
    assert version.provenance["evidence"] == [{"session_id": "s", "event_id": "e"}]


@pytest.mark.parametrize("tier", [Tier.ORGANIZATION, Tier.VERIFIED])
def test_no_session_writes_standards_or_confirmed_facts(workspace, tier):
    store = services.create_store(workspace, name="Standards", tier=tier)
    with pytest.raises(PermissionDenied, match=tier):
        services.create_memory(store, path="/a", content="", actor=Actor(workspace=workspace, session_id="sesn_1"))


def test_the_head_of_a_living_memory_is_not_redacted_and_older_versions_are(memory, actor):
    first = MemoryVersion.objects.get(pk=memory.head_version_id)
    with pytest.raises(InvalidRequest, match="current version"):
        services.redact_version(first, actor=actor)
    services.update_memory(memory, content="two", actor=actor)
    wiped = services.redact_version(first, actor=actor)
    assert (wiped.path, wiped.content, wiped.content_sha256, wiped.content_size_bytes) == (None, None, None, None)
    assert services.redact_version(first, actor=actor).redacted_at == wiped.redacted_at


def test_store_metadata_merges_and_updated_at_moves_only_with_a_change(store):
    services.update_store(store, {"metadata": {"a": "1", "b": "2"}})
    changed = services.update_store(store, {"metadata": {"a": None, "c": "3"}, "description": "d"})
    assert (changed.metadata, changed.description) == ({"b": "2", "c": "3"}, "d")
    assert services.update_store(store, {"description": "d"}).updated_at == changed.updated_at


def test_a_copy_has_the_same_files_with_versions_of_its_own(store, memory, workspace, actor):
    copy = services.create_store(workspace, name="Copy")
    assert services.copy_memories(store, copy, actor=actor) == 1
    twin = Memory.objects.get(store=copy)
    assert (twin.path, twin.content) == (memory.path, memory.content)
    assert MemoryVersion.objects.get(pk=twin.head_version_id).store == copy


@pytest.mark.django_db(transaction=True)
def test_of_two_writers_with_one_precondition_exactly_one_wins(memory, actor):
    outcomes = at_once(
        lambda text: services.update_memory(memory, content=text, expected_sha256=memory.content_sha256, actor=actor),
        [f"writer {number}" for number in range(8)],
    )
    memory.refresh_from_db()
    assert sorted(outcomes) == ["PreconditionFailed"] * 7 + ["won"]
    assert len(operations(memory)) == 2


@pytest.mark.django_db(transaction=True)
def test_a_file_and_a_folder_of_one_name_are_never_made_at_once(store, actor):
    at_once(
        lambda path: services.create_memory(store, path=path, content="", actor=actor),
        ["/a", "/a/b", "/a/b/c", "/a"],
    )
    assert Memory.objects.filter(store=store).count() == 1


def at_once(write, arguments) -> list[str]:
    """Run the write once per argument in threads that start together; "won" or the name of the refusal for each."""
    gate, outcomes = threading.Barrier(len(arguments)), []

    def run(argument):
        gate.wait()
        try:
            write(argument)
            outcomes.append("won")
        except DomainError as refusal:
            outcomes.append(type(refusal).__name__)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(argument,)) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connection.close()
    return outcomes
