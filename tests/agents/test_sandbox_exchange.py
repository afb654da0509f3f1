"""Whole files in and out of a session's folders: read-only uploads, and outputs that no link can widen."""

import hashlib
import os
from pathlib import Path

import pytest

from agents.sandbox import exchange
from agents.sandbox.base import BadPath
from tests.agents.sandboxes import USERS, running_host


@pytest.fixture(params=USERS, scope="module")
def host(request):
    with running_host(user=USERS[request.param]) as running:
        yield running


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(b"a,b\n1,2\n")
    for folder in (path, *path.parents):  # a host of another user must get there
        if str(folder).startswith("/tmp/") and os.geteuid() == 0:
            folder.chmod(0o755)
    return str(path)


def outputs(host, session):
    return host.client.list_outputs(session, is_hashed=True)


def test_uploads_are_read_and_never_written(host, source):
    session = "sesn_uploads"
    wanted = {"data/a.csv": "one"}
    assert host.client.sync_uploads(session, wanted) == ["data/a.csv"]
    host.client.put_upload(session, "data/a.csv", "one", source)
    assert host.client.sync_uploads(session, wanted) == []
    place = "/mnt/session/uploads/data/a.csv"
    assert host.bash(f"cat {place}", session).text == "a,b\n1,2"
    assert (
        host.bash(f"echo x > {place}; rm {place}; touch /mnt/session/uploads/x; true", session).text.count("Read-only")
        == 3
    )


def test_another_content_replaces_an_upload_and_what_is_not_wanted_goes(host, source):
    session = "sesn_again"
    for path in ("a", "b/c"):
        host.client.put_upload(session, path, "one", source)
    assert host.client.sync_uploads(session, {"a": "two"}) == ["a"]
    host.client.put_upload(session, "a", "two", source)
    assert host.bash("ls -R /mnt/session/uploads", session).text == "/mnt/session/uploads:\na"
    assert host.client.sync_uploads(session, {}) == []
    assert host.bash("ls /mnt/session/uploads", session).text == "(no output)"


@pytest.mark.parametrize("path", ["", "/a", "../a", "a/../../b", "a//b", "a\0b"])
def test_no_upload_leaves_its_folder(host, source, path):
    with pytest.raises((BadPath, ValueError)):
        host.client.put_upload("sesn_paths", path, "one", source)


def test_outputs_are_listed_with_their_hash_and_copied(host):
    session = "sesn_outputs"
    assert outputs(host, session).files == {}
    host.bash("cd /mnt/session/outputs; mkdir -p charts; printf one > a.txt; printf two > charts/b", session)
    found = outputs(host, session)
    assert {path: file.size for path, file in found.files.items()} == {"a.txt": 3, "charts/b": 3}
    taken = host.client.take_output(session, "charts/b")
    assert Path(taken.path).read_bytes() == b"two"
    assert taken.sha256 == found.files["charts/b"].sha256 == hashlib.sha256(b"two").hexdigest()


def test_a_change_shows_even_where_the_agent_sets_the_time_back(host):
    session = "sesn_time"
    host.bash("cd /mnt/session/outputs; printf one > a; touch -d 2020-01-01 a", session)
    before = outputs(host, session).files["a"].sha256
    host.bash("cd /mnt/session/outputs; printf two > a; touch -d 2020-01-01 a", session)
    assert outputs(host, session).files["a"].sha256 != before


def test_links_and_special_files_are_named_and_not_followed(host):
    session = "sesn_links"
    host.bash(
        "cd /mnt/session/outputs; ln -s /etc/passwd l; ln -s / d; mkfifo p; mkdir sub; ln -s ../../workspace sub/w;"
        " printf x > $'b\\xff'; printf fine > fine",
        session,
    )
    found = outputs(host, session)
    assert list(found.files) == ["fine"]
    assert {each.path: each.reason for each in found.refused} == {
        "/b\\udcff": "has a name that is not UTF-8",
        "/d": "is a link",
        "/l": "is a link",
        "/p": "is not a regular file",
        "/sub/w": "is a link",
    }
    for path in ("l", "d/etc/passwd", "p", "sub/w/x", "../state/outputs.json", "nothing"):
        with pytest.raises(BadPath):
            host.client.take_output(session, path)


def test_outputs_have_bounds(host, monkeypatch, tmp_path):
    monkeypatch.setattr(exchange.limits, "OUTPUT_FILES_MAX", 2)
    monkeypatch.setattr(exchange.limits, "FILE_MAX_BYTES", 10)
    for name, size in (("a", 10), ("b", 11), ("c", 1), ("d", 1)):
        (tmp_path / name).write_bytes(b"x" * size)
    found = exchange.list_outputs(str(tmp_path), str(tmp_path), is_hashed=False)
    assert list(found.files) == ["a", "c"]
    assert [each.path for each in found.refused] == ["/b", "/d"]


def test_a_folder_is_laid_whole_for_the_agent_and_over_nothing(host, tmp_path):
    session = "sesn_folder"
    (tmp_path / "repo" / "sub").mkdir(parents=True)
    (tmp_path / "repo" / "sub" / "a").write_text("text")
    (tmp_path / "repo" / "link").symlink_to("/etc/shadow")
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder).startswith("/tmp/") and os.geteuid() == 0:
            folder.chmod(0o755)
    source = str(tmp_path / "repo")
    for _ in range(2):  # a second call, after a first that was cut off, finds it done
        host.client.put_folder(session, "/workspace/deep/repo", source)
    assert (
        host.bash("cd deep/repo; echo more >> sub/a; cat sub/a; readlink link", session).text == "textmore\n/etc/shadow"
    )
    host.bash("mkdir /workspace/own; ln -s /etc /workspace/away", session)
    for path in ("own", "away", "away/x", "../x"):
        with pytest.raises(BadPath):
            host.client.put_folder(session, f"/workspace/{path}", source)
    with pytest.raises(BadPath):
        host.client.put_folder(session, "/mnt/session/outputs/x", source)
