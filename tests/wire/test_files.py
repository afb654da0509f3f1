"""Files through the official client: what goes in, what is listed, and what may come out."""

import io
from datetime import timedelta

import anthropic
import pytest
import time_machine
from django.core.files.storage import storages
from django.utils import timezone

from agents import blobs
from agents.models import AuditEvent, File, UnusedBlob
from agents.services import files as services

OLD = {"anthropic-beta": "files-api-2025-04-14"}


@pytest.fixture
def made(session, actor):
    """A file that a session made."""
    content = services.Content(
        file=io.BytesIO(b"<b>1</b>"), filename='re"port é.html', mime_type=None, size=8, sha256="x"
    )
    key = blobs.put(content.file)
    blobs.keep(key)
    return services.make_file(actor.workspace, content, key, session_id=session.id, downloadable=True)


def stored(file_id):
    with blobs.open_blob(File.objects.get(pk=file_id).storage_key) as file:
        return file.read()


def test_a_path_bytes_and_a_named_tuple_can_be_uploaded(wire, tmp_path):
    path = tmp_path / "notes.csv"
    path.write_bytes(b"a,b\n")
    by_path = wire.files.upload(file=path)
    assert (by_path.filename, by_path.mime_type, by_path.size_bytes) == ("notes.csv", "text/csv", 4)
    bare = wire.files.upload(file=b"\x00\xff\r\n")
    assert (bare.filename, stored(bare.id)) == ("unnamed", b"\x00\xff\r\n")
    named = wire.files.upload(file=("some/folder\\a b.pdf", b"%PDF", "application/pdf"))
    assert (named.filename, named.mime_type, named.downloadable) == ("a b.pdf", "application/pdf", False)
    unnamed = wire.files.upload(file=("", b"x", "image/png"))
    assert unnamed.filename == "unnamed.png"
    assert wire.beta.files.upload(file=("x", b"y")).scope is None
    assert AuditEvent.objects.filter(action="file.uploaded").count() == 5


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..", "unnamed"),
        ("a\u202etxt.exe", "atxt.exe"),
        ("x" * 300 + ".txt", "x" * 251 + ".txt"),
        ("é" * 200, "é" * 127),
    ],
)
def test_a_hostile_name_is_only_a_name(wire, sent, kept):
    assert wire.files.upload(file=(sent, b"x")).filename == kept


def test_what_is_no_upload_is_refused(wire, call):
    for seconds in (3599, 7_776_001):
        with pytest.raises(anthropic.BadRequestError, match="expires_in_seconds"):
            wire.files.upload(file=b"x", expires_in_seconds=seconds)
    assert call("POST", "files", b"{}").status_code == 400
    kind = "multipart/form-data; boundary=b"
    other = b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--b--\r\n'
    assert call("POST", "files", other, content_type=kind).json()["error"]["message"] == "file: Field required"
    assert not File.objects.exists()
    assert not UnusedBlob.objects.exists()


def test_files_are_listed_newest_first_page_by_page(wire):
    ids = [wire.files.upload(file=(str(number), b"x")).id for number in range(5)]
    page = wire.files.list(limit=2)
    assert [file.id for file in page.data] == ids[:2:-1]
    assert [file.id for file in wire.files.list(limit=2)] == ids[::-1]
    assert wire.files.list().next_page is None
    with pytest.raises(anthropic.BadRequestError):
        wire.files.list(limit=1001)


def test_files_are_found_by_ids_on_one_page(wire, stranger):
    ids = [wire.files.upload(file=b"x").id for _ in range(3)]
    foreign = stranger.files.upload(file=b"x").id
    page = wire.files.list(ids=[*ids[:2], ids[0], foreign, "file_nothing"])
    assert ({file.id for file in page.data}, page.next_page) == (set(ids[:2]), None)
    for wrong in ({"limit": 5}, {"page": "page_x"}):
        with pytest.raises(anthropic.BadRequestError, match="ids"):
            wire.files.list(ids=ids, **wrong)
    with pytest.raises(anthropic.BadRequestError, match="ids"):
        wire.files.list(ids=[f"file_{number}" for number in range(101)])


def test_older_clients_page_by_the_ids_of_files(wire, call):
    ids = [wire.files.upload(file=(str(number), b"x")).id for number in range(5)][::-1]

    def page(query):
        return call("GET", f"files?limit=2{query}", **OLD).json()

    first = page("")
    assert ([file["id"] for file in first["data"]], first["has_more"]) == (ids[:2], True)
    assert (first["first_id"], first["last_id"]) == (ids[0], ids[1])
    assert [file["id"] for file in page(f"&after_id={ids[1]}")["data"]] == ids[2:4]
    last = page(f"&after_id={ids[3]}")
    assert ([file["id"] for file in last["data"]], last["has_more"]) == (ids[4:], False)
    before = page(f"&before_id={ids[3]}")
    assert ([file["id"] for file in before["data"]], before["has_more"]) == (ids[1:3], True)
    assert "has_more" not in call("GET", "files").json()
    without_header = call("GET", f"files?limit=2&after_id={ids[1]}").json()
    assert ([file["id"] for file in without_header["data"]], without_header["last_id"]) == (ids[2:4], ids[3])


def test_only_what_a_session_made_is_downloaded(wire, made):
    upload = wire.files.upload(file=b"secret")
    with pytest.raises(anthropic.BadRequestError) as refusal:
        wire.files.download(upload.id)
    assert refusal.value.body["error"]["details"]["error_code"] == "file_not_downloadable"
    answer = wire.files.download(made.pk)
    assert answer.read() == b"<b>1</b>"
    headers = answer.headers
    assert headers["content-type"] == "text/html"
    assert headers["content-disposition"].startswith("attachment; filename*=utf-8''")
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]


def test_the_clients_beta_files_are_the_same_files(wire, made):
    assert wire.beta.files.download(made.pk).read() == b"<b>1</b>"
    assert wire.beta.files.retrieve_metadata(made.pk).filename == wire.files.retrieve_metadata(made.pk).filename
    assert wire.beta.files.delete(made.pk).type == "file_deleted"
    assert list(wire.beta.files.list()) == list(wire.files.list()) == []


def test_what_a_session_made_is_listed_by_its_scope(wire, session, made):
    wire.files.upload(file=b"x")
    (found,) = wire.beta.files.list(scope_id=session.id)
    assert (found.id, found.downloadable) == (made.pk, True)
    assert (found.scope.type, found.scope.id) == ("session", session.id)
    assert list(wire.beta.files.list(scope_id="sesn_nothing")) == []


def test_an_expired_file_is_known_for_a_month_and_then_gone(wire, made):
    upload = wire.files.upload(file=b"x", expires_in_seconds=3600)
    assert upload.expires_at == upload.created_at + timedelta(hours=1)
    File.objects.filter(pk=made.pk).update(expires_at=timezone.now() + timedelta(hours=1))
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        with pytest.raises(anthropic.NotFoundError) as refusal:
            wire.files.download(made.pk)
        assert refusal.value.body["error"]["details"]["error_code"] == "file_expired"
        assert wire.files.retrieve_metadata(upload.id).id == upload.id
        assert services.sweep_expired() == 0
    with time_machine.travel(timezone.now() + timedelta(days=31)):
        assert services.sweep_expired() == 2
        assert blobs.sweep() == 2
    assert not File.objects.exists()


def test_a_deleted_file_takes_its_bytes_along(wire):
    file = wire.files.upload(file=b"x")
    key = File.objects.get(pk=file.id).storage_key
    gone = wire.files.delete(file.id)
    assert (gone.id, gone.type) == (file.id, "file_deleted")
    with pytest.raises(anthropic.NotFoundError):
        wire.files.retrieve_metadata(file.id)
    blobs.sweep()
    assert not storages["blobs"].exists(key)


def test_a_sessions_copy_that_is_deleted_is_no_longer_attached(wire, agent, environment):
    file = wire.files.upload(file=b"x")
    attached = [{"type": "file", "file_id": file.id}]
    session = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id, resources=attached)
    wire.files.delete(file.id)
    (copy,) = wire.beta.sessions.resources.list(session.id)
    wire.files.delete(copy.file_id)
    assert list(wire.beta.sessions.resources.list(session.id)) == []


def test_a_workspace_that_is_full_takes_no_more(wire, settings, actor):
    settings.LUCID_FILES_QUOTA_GIB = 1
    columns = {"filename": "a", "mime_type": "text/plain", "sha256": "x", "size_bytes": 2**28}
    for key in ("aa", "bb", "cc", "dd"):
        File.objects.create(workspace=actor.workspace, storage_key=key, **columns)
    with pytest.raises(anthropic.BadRequestError) as refusal:
        wire.files.upload(file=b"x")
    assert refusal.value.body["error"]["details"]["error_code"] == "storage_quota_exceeded"


def test_files_take_no_beta_and_cross_no_workspace(wire, call, stranger, made):
    assert call("GET", f"files/{made.pk}", anthropic_beta=None).status_code == 200
    for request in (stranger.files.retrieve_metadata, stranger.files.download, stranger.files.delete):
        with pytest.raises(anthropic.NotFoundError):
            request(made.pk)
    assert list(stranger.files.list()) == []
