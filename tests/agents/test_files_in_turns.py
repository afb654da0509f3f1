"""Files around a turn: what was attached is there to be read, what the agent wrote is handed out, and names of files in
messages become their content."""

import base64
import io
import json

import pytest

from agents import jobs
from agents.exceptions import InvalidRequest, NotFound, TooLarge
from agents.models import File
from agents.plugs import sandbox
from agents.runtime.toolbox import Toolbox
from agents.services import files as services
from agents.services import named_files
from agents.services.events import send_events
from agents.services.named_files import check_named_files, with_files
from agents.services.session_resources import attach_file, detach_resource
from agents.services.sessions import delete_session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def upload(actor):
    def keep(data=b"a,b\n1,2\n", filename="data.csv", **options):
        content = services.Content(file=io.BytesIO(data), filename=filename, mime_type=None, size=len(data), sha256="x")
        return services.upload_file(content, actor=actor, **options)

    return keep


@pytest.fixture
def run(practice, sandbox_host, clean_redis, actor):
    """Let an agent run these commands, one call each; returns what they said."""

    def run_commands(session, *commands):
        steps = [{"tool": "bash", "input": {"command": command}} for command in commands]
        text = "practice: " + json.dumps({"steps": [*steps, {"text": "done"}]})
        content = [{"type": "text", "text": text}]
        send_events(session, [{"type": "user.message", "content": content}], actor=actor)
        before = session.events.count()
        jobs.run_thread(session.threads.get().pk)
        results = session.events.in_order().filter(type="agent.tool_result")[: 100 + before]
        return ["\n".join(block["text"] for block in result.payload["content"]) for result in results][-len(commands) :]

    return run_commands


def outputs(session):
    rows = File.objects.filter(session=session).outputs()
    return {file.output_path: content(file) for file in rows}


def content(file):
    with services.open_file(file) as stored:
        return stored.read()


def entry(file, **members):
    return {"type": "file", "file_id": file.pk, **members}


def test_an_attached_file_is_read_and_never_changed(make_session, run, upload):
    session = make_session(resources=[entry(upload(), mount_path="in/data.csv")])
    place = "/mnt/session/uploads/in/data.csv"
    assert run(session, f"cat {place}", f"echo x >> {place}; rm -f {place}; cat {place}")[0] == "a,b\n1,2"
    assert run(session, f"cat {place}") == ["a,b\n1,2"]
    note = Toolbox(session.pk, session.agent_snapshot).notes[0]
    assert f"- {place}: data.csv, text/csv, 8 bytes" in note


def test_files_come_and_go_between_turns(make_session, run, upload, actor):
    session = make_session()
    resource = attach_file(session, entry(upload(), mount_path="a"), actor=actor)
    assert run(session, "ls /mnt/session/uploads") == ["a"]
    detach_resource(resource, actor=actor)
    attach_file(session, entry(upload(b"new"), mount_path="b"), actor=actor)
    assert run(session, "cd /mnt/session/uploads; ls; cat b") == ["b\nnew"]
    for row in session.resources.all():
        detach_resource(row, actor=actor)
    assert run(session, "ls -A /mnt/session/uploads") == ["(no output)"]


def test_an_expired_file_is_no_longer_there(make_session, run, upload):
    session = make_session(resources=[entry(upload(expires_in_seconds=3600), mount_path="a")])
    assert run(session, "ls /mnt/session/uploads") == ["a"]
    File.objects.filter(session=session).update(expires_at="2020-01-01T00:00:00Z")
    assert run(session, "ls -A /mnt/session/uploads") == ["(no output)"]


def test_what_an_agent_writes_is_handed_out_before_the_turn_ends(make_session, run):
    session = make_session()
    run(session, "cd /mnt/session/outputs; mkdir charts; printf one > a.txt; printf '\\0\\xff' > charts/b.png")
    assert outputs(session) == {"a.txt": b"one", "charts/b.png": b"\x00\xff"}
    row = File.objects.get(output_path="charts/b.png")
    assert (row.filename, row.mime_type, row.downloadable, row.created_by) == ("b.png", "image/png", True, session.pk)
    idle = session.events.get(type="session.status_idle")
    assert row.created_at < idle.processed_at


def test_a_changed_output_replaces_its_row_and_a_deleted_one_stays(make_session, run):
    session = make_session()
    run(session, "cd /mnt/session/outputs; printf 1 > same; printf 1 > changed; printf 1 > deleted")
    before = dict(File.objects.values_list("output_path", "pk"))
    run(session, "cd /mnt/session/outputs; printf 2 > changed; rm deleted; touch same")
    assert outputs(session) == {"same": b"1", "changed": b"2", "deleted": b"1"}
    after = dict(File.objects.values_list("output_path", "pk"))
    assert {path for path in after if after[path] != before[path]} == {"changed"}


def test_the_agent_is_told_once_what_is_not_handed_out(make_session, run):
    session = make_session()
    first, second = run(
        session, "ln -s /etc/passwd /mnt/session/outputs/link; echo fine > /mnt/session/outputs/x", "pwd"
    )
    assert first.endswith("/mnt/session/outputs/link was not kept: it is a link.")
    assert second == "/workspace"
    assert outputs(session) == {"x": b"fine\n"}


def test_outputs_beyond_the_quota_are_refused_in_words(make_session, run, settings, actor):
    settings.LUCID_FILES_QUOTA_GIB = 1
    columns = {"filename": "a", "mime_type": "text/plain", "sha256": "x", "size_bytes": 2**28}
    for key in "abcd":
        File.objects.create(workspace=actor.workspace, storage_key=key, **columns)
    session = make_session()
    (said,) = run(session, "echo fine > /mnt/session/outputs/x")
    assert "/mnt/session/outputs/x was not kept: The files of this workspace" in said


def test_a_deleted_session_takes_its_outputs_along(make_session, run, actor):
    session = make_session()
    run(session, "echo x > /mnt/session/outputs/x")
    delete_session(session, actor=actor)
    assert not File.objects.exists()


def test_an_output_can_be_attached_to_the_next_session(make_session, run):
    first = make_session()
    run(first, "echo made > /mnt/session/outputs/x")
    second = make_session(resources=[entry(File.objects.get(), mount_path="x")])
    assert run(second, "cat /mnt/session/uploads/x") == ["made"]


def test_a_lost_blob_takes_one_file_and_not_the_tools(make_session, run, upload):
    lost, kept = upload(b"lost"), upload(b"kept")
    session = make_session(resources=[entry(lost, mount_path="lost"), entry(kept, mount_path="kept")])
    File.objects.filter(storage_key=lost.storage_key).update(storage_key="no/where")
    assert run(session, "ls /mnt/session/uploads") == ["kept"]


def test_no_folder_is_made_for_a_session_without_files(make_session, sandbox_host):
    session = make_session()
    assert sandbox().sync_uploads(session.pk, {}) == []
    assert sandbox().list_outputs(session.pk, is_hashed=True).files == {}


def block(file, kind="document", **members):
    return {"type": kind, "source": {"type": "file", "file_id": file.pk}, **members}


def message(*blocks):
    return {"type": "user.message", "content": list(blocks)}


def test_named_files_become_what_the_model_takes(upload, workspace):
    text, image = upload(b"t\xffxt", "notes.md"), upload(b"\x89PNG", "a.png")
    pdf = upload(b"%PDF", "a.pdf")
    inner = {"type": "tool_result", "tool_use_id": "t", "content": [block(pdf, title="Mine")]}
    messages = [{"role": "user", "content": [block(text), block(image, "image"), inner]}]
    first, second, third = with_files(messages, workspace.pk)[0]["content"]
    assert first["title"] == "notes.md"
    assert first["source"] == {"type": "text", "media_type": "text/plain", "data": "t�xt"}
    assert second == {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(b"\x89PNG").decode()},
    }
    assert third["content"][0]["title"] == "Mine"
    assert third["content"][0]["source"]["media_type"] == "application/pdf"
    assert messages[0]["content"][0] == block(text)


def test_a_file_that_went_is_named_as_gone(upload, actor, workspace, charlie):
    gone = upload()
    services.delete_file(gone, actor=actor)
    (told,) = with_files([{"role": "user", "content": [block(gone)]}], workspace.pk)[0]["content"]
    assert told["type"] == "text"
    assert "deleted" in told["text"]
    (told,) = with_files([{"role": "user", "content": [block(upload())]}], charlie.workspace.pk)[0]["content"]
    assert "deleted" in told["text"]


def test_the_oldest_files_are_left_out_when_all_are_too_large(upload, workspace, monkeypatch):
    monkeypatch.setattr(named_files, "FILE_BLOCKS_MAX_BYTES", 10)
    file = upload(b"12345678")
    shown = with_files(
        [{"role": "user", "content": [block(file)]}] * 1 + [{"role": "user", "content": [block(file)]}], workspace.pk
    )
    assert [each["content"][0]["type"] for each in shown] == ["text", "document"]


@pytest.mark.parametrize(
    ("events", "error"),
    [
        (lambda file: [message(block(file, "image"))], InvalidRequest),
        (lambda file: [message(*[block(file)] * 101)], InvalidRequest),
        (lambda file: [message({"type": "document", "source": {"type": "file", "file_id": "file_x"}})], NotFound),
        (lambda file: [message(*[block(file)] * 4)], TooLarge),
    ],
)
def test_what_cannot_be_shown_is_refused_when_it_is_sent(upload, actor, monkeypatch, events, error):
    monkeypatch.setattr(named_files, "FILE_BLOCKS_MAX_BYTES", 30)
    with pytest.raises(error):
        check_named_files(events(upload()), actor=actor)
