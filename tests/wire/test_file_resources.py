"""Files attached to sessions, through the official client."""

import anthropic
import pytest
import time_machine
from django.utils import timezone

from agents import blobs
from agents.limits import SESSION_RESOURCES_MAX
from agents.models import AuditEvent, File, Session
from agents.upload_paths import check_apart, upload_path

ROOT = "/mnt/session/uploads"


@pytest.fixture
def upload(wire):
    return wire.files.upload(file=("data.csv", b"a,b\n", "text/csv"))


@pytest.fixture
def create(wire, agent, environment):
    def create_session(*resources):
        return wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, resources=list(resources))

    return create_session


def attached(file_id, **members):
    return {"type": "file", "file_id": file_id, **members}


def test_a_session_gets_a_copy_of_the_file(wire, create, upload):
    session = create(attached(upload.id), attached(upload.id, mount_path="in/a.csv"))
    first, second = session.resources
    assert (first.mount_path, second.mount_path) == (f"{ROOT}/{upload.id}", f"{ROOT}/in/a.csv")
    assert len({upload.id, first.file_id, second.file_id}) == 3
    copy = wire.beta.files.retrieve_metadata(first.file_id)
    assert (copy.filename, copy.scope.id, copy.downloadable) == ("data.csv", session.id, False)
    assert [file.id for file in wire.beta.files.list(scope_id=session.id)] == [second.file_id, first.file_id]
    assert len(set(File.objects.values_list("storage_key", flat=True))) == 1


def test_five_hundred_files_are_taken_beside_memory_and_no_more(wire, create, upload, store):
    files = [attached(upload.id, mount_path=f"{number}.csv") for number in range(SESSION_RESOURCES_MAX)]
    memory = {"type": "memory_store", "memory_store_id": store.id}
    session = create(*files, memory)
    assert len(session.resources) == SESSION_RESOURCES_MAX + 1
    for more in (
        lambda: create(*files, attached(upload.id)),
        lambda: wire.beta.sessions.resources.add(session.id, type="file", file_id=upload.id),
    ):
        with pytest.raises(anthropic.BadRequestError, match=f"at most {SESSION_RESOURCES_MAX} files"):
            more()


def test_a_file_is_added_to_a_session_and_taken_away(wire, create, upload):
    session = create()
    resources = wire.beta.sessions.resources
    added = resources.add(session.id, type="file", file_id=upload.id, mount_path="/data/a.csv")
    assert added.mount_path == f"{ROOT}/data/a.csv"
    assert resources.retrieve(added.id, session_id=session.id) == added
    assert [each.id for each in resources.list(session.id)] == [added.id]
    assert wire.beta.sessions.retrieve(session.id).resources[0].id == added.id
    with pytest.raises(anthropic.BadRequestError, match="authorization_token"):
        resources.update(added.id, session_id=session.id, authorization_token="x")
    gone = resources.delete(added.id, session_id=session.id)
    assert (gone.id, gone.type) == (added.id, "session_resource_deleted")
    assert list(resources.list(session.id)) == []
    with pytest.raises(anthropic.NotFoundError):
        wire.files.retrieve_metadata(added.file_id)
    assert wire.files.retrieve_metadata(upload.id).id == upload.id
    kinds = AuditEvent.objects.filter(object_id=session.id).values_list("action", flat=True)
    assert {"session.resource_added", "session.resource_removed"} <= set(kinds)


def test_a_missing_foreign_or_expired_file_is_not_attached(wire, create, stranger):
    foreign = stranger.files.upload(file=b"x").id
    expiring = wire.files.upload(file=b"x", expires_in_seconds=3600).id
    with time_machine.travel(timezone.now().timestamp() + 3601):
        for file_id in ("file_nothing", foreign, expiring):
            with pytest.raises(anthropic.NotFoundError, match=file_id):
                create(attached(file_id))
    assert not Session.objects.exists()
    assert not File.objects.exclude(session=None).exists()


def test_two_files_in_one_place_are_refused(create, wire, upload):
    with pytest.raises(anthropic.BadRequestError, match="given twice"):
        create(attached(upload.id), attached(upload.id))
    session = create(attached(upload.id, mount_path="a"))
    with pytest.raises(anthropic.BadRequestError, match="below another file"):
        wire.beta.sessions.resources.add(session.id, type="file", file_id=upload.id, mount_path="a/b")
    assert len(wire.beta.sessions.retrieve(session.id).resources) == 1


def test_an_ended_session_takes_no_file(wire, create, upload):
    session = create()
    wire.beta.sessions.archive(session.id)
    with pytest.raises(anthropic.BadRequestError, match="takes no more"):
        wire.beta.sessions.resources.add(session.id, type="file", file_id=upload.id)


def test_a_deleted_session_takes_its_copies_and_leaves_the_upload(wire, create, upload):
    session = create(attached(upload.id))
    wire.beta.sessions.delete(session.id)
    blobs.sweep()
    assert list(File.objects.values_list("pk", flat=True)) == [upload.id]
    with blobs.open_blob(File.objects.get().storage_key) as file:
        assert file.read() == b"a,b\n"


def test_a_copy_outlives_the_upload(wire, create, upload):
    session = create(attached(upload.id))
    wire.files.delete(upload.id)
    blobs.sweep()
    copy = File.objects.get(pk=session.resources[0].file_id)
    with blobs.open_blob(copy.storage_key) as file:
        assert file.read() == b"a,b\n"


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (None, f"{ROOT}/file_1"),
        ("a.csv", f"{ROOT}/a.csv"),
        ("/a/b.csv", f"{ROOT}/a/b.csv"),
        (f"{ROOT}/a", f"{ROOT}/a"),
        ("/workspace/x", f"{ROOT}/workspace/x"),
    ],
)
def test_every_path_is_rooted_below_the_uploads(wanted, path):
    assert upload_path(wanted, "file_1") == path


@pytest.mark.parametrize(
    "wanted", ["..", "/", "//a", "a//b", "a/../b", "./a", "a/", "a\nb", "a\u200bb", "x" * 256, "a/" * 20 + "a"]
)
def test_a_path_that_could_mislead_is_refused(wanted, create, upload):
    with pytest.raises(anthropic.BadRequestError, match="mount_path"):
        create(attached(upload.id, mount_path=wanted))


def test_neighbours_with_one_beginning_do_not_collide():
    check_apart(["/a/b", "/a/bc", "/a/c/b"])
