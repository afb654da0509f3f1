"""Nothing an agent does in its box reads or writes outside its session's mounts."""

import os
import shutil
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from agents.sandbox.base import BadPath, Mount, SandboxStopped
from agents.sandbox.seccomp import REFUSED
from tests.agents.sandboxes import USERS, running_host

NOTES = Mount("/mnt/memory/notes", "read_write")
RULES = Mount("/mnt/memory/rules", "read_only")
SECRET = "the machine's own secret"


@pytest.fixture(scope="module", params=USERS)
def host(request):
    with running_host(user=USERS[request.param]) as running:
        yield running


@pytest.fixture
def session(host, request):
    session_id = f"sesn_{abs(hash(request.node.name))}"
    yield session_id
    host.client.destroy(session_id)


@pytest.fixture
def secret():
    """A file of this machine that anybody may read and write, and its folder."""
    folder = Path(tempfile.mkdtemp(prefix="sec"))
    folder.chmod(0o777)
    path = folder / "secret.txt"
    path.write_text(SECRET)
    path.chmod(0o666)
    yield path
    assert path.read_text() == SECRET
    assert list(folder.iterdir()) == [path]
    shutil.rmtree(folder)


def links_to(secret):
    return (
        f"ln -s {secret} file; ln -s {secret.parent} folder; ln -s ../../../..{secret} up; ln -s /proc/1/root{secret} p"
    )


@pytest.mark.parametrize("name", ["file", "folder/secret.txt", "up", "p"])
def test_file_tools_do_not_follow_links_out(host, session, secret, name):
    host.bash(links_to(secret), session)
    calls = [
        ("read", {"file_path": name}),
        ("write", {"file_path": name, "content": "overwritten"}),
        ("edit", {"file_path": name, "old_string": "secret", "new_string": "overwritten"}),
        ("glob", {"pattern": name}),
        ("grep", {"pattern": "secret", "path": name}),
        ("grep", {"pattern": "secret"}),
        ("bash", {"command": f"cat {name}; echo overwritten > {name}"}),
    ]
    texts = [host.client.run_tool(session, tool, values).text for tool, values in calls]
    assert not [text for text in texts if SECRET in text]


def test_collecting_a_mount_names_links_and_does_not_follow_them(host, session, secret):
    host.client.sync_mount(session, NOTES, {"/kept.md": "kept"})
    host.bash(f"cd /mnt/memory/notes; {links_to(secret)}; ln -s kept.md inner", session, mounts=[NOTES])
    found = host.client.collect_mount(session, NOTES.path)
    assert found.files == {"/kept.md": "kept"}
    assert {(each.path, each.reason) for each in found.refused} == {
        (f"/{name}", "is a link") for name in ("file", "folder", "up", "p", "inner")
    }


def test_collecting_a_mount_names_what_is_no_text_file(host, session):
    make = (
        "cd /mnt/memory/notes; mkfifo pipe; printf '\\xff' > binary; head -c 102401 /dev/zero | tr '\\0' x > large;"
        "mkdir -p a/b; echo deep > a/b/c.md; : > empty.md; touch $'bad\\xffname';"
        "d=.; for i in $(seq 21); do d=$d/n; done; mkdir -p $d; echo x > $d/x; echo secret > shut; chmod 000 shut"
    )
    host.bash(make, session, mounts=[NOTES])
    found = host.client.collect_mount(session, NOTES.path)
    reasons = {each.path: each.reason for each in found.refused}
    assert found.files.items() >= {("/a/b/c.md", "deep\n"), ("/empty.md", "")}
    assert reasons["/pipe"] == "is not a regular file"
    assert reasons["/binary"] == "is not UTF-8 text"
    assert reasons["/large"] == "is larger than 102400 bytes"
    assert reasons["/bad\\udcffname"] == "has a name that is not UTF-8"
    assert reasons["/n" * 21] == "is nested deeper than 20 levels"


def test_host_writes_no_file_through_a_link_of_the_agent(host, session, secret):
    host.bash(links_to(secret), session)
    with pytest.raises(BadPath):
        host.client.put_files(session, {"/workspace/folder/secret.txt": b"overwritten"})
    host.client.put_files(session, {"/workspace/file": b"a file of its own"})
    assert host.bash("cat file; test -L file || echo plain", session).text == "a file of its ownplain"


def test_host_reads_no_file_through_a_link_of_the_agent(host, session, secret):
    host.bash(links_to(secret), session)
    for name in ("file", "folder/secret.txt", "up", "p"):
        with pytest.raises(BadPath):
            host.client.read_file(session, f"/workspace/{name}")


def test_bringing_a_mount_up_to_date_replaces_links(host, session, secret):
    host.bash(f"cd /mnt/memory/notes; {links_to(secret)}; ln -s {secret.parent} prefs", session, mounts=[NOTES])
    host.client.sync_mount(session, NOTES, {"/file": "ours", "/prefs/secret.txt": "ours"})
    assert host.client.collect_mount(session, NOTES.path).files == {"/file": "ours", "/prefs/secret.txt": "ours"}


def test_mount_holds_exactly_the_files_it_is_given(host, session):
    host.client.sync_mount(session, RULES, {"/a.md": "old", "/b/c.md": "goes", "/d": "file becomes folder"})
    host.client.sync_mount(session, RULES, {"/a.md": "new", "/d/e.md": "wörds"})
    found = host.bash("cd /mnt/memory/rules; find . -mindepth 1 | sort; cat a.md d/e.md", session, mounts=[RULES])
    assert found.text == "./a.md\n./d\n./d/e.md\nnewwörds"


def test_mount_that_the_agent_closed_or_nested_endlessly_can_be_brought_up_to_date(host, session):
    nest = "import os\nfor i in range(3000): os.mkdir('d'); os.chdir('d')"
    spoil = f"cd {NOTES.path}; mkdir -p in shut/in; echo x > in/x; chmod 000 shut/in shut in/x in; chmod 500 ."
    host.client.sync_mount(session, NOTES, {})
    host.bash(f'cd {NOTES.path}; python3 -c "{nest}"; {spoil}', session, mounts=[NOTES])
    host.client.sync_mount(session, NOTES, {"/in/x": "mended"})
    assert host.client.collect_mount(session, NOTES.path).files == {"/in/x": "mended"}
    assert not list((host.root / ".trash").iterdir())


def test_mount_can_be_collected_while_a_command_runs(host, session):
    host.bash("echo begun > /mnt/memory/notes/a; sleep 60 &", session, mounts=[NOTES])
    stop = threading.Event()
    call = (session, "bash", {"command": "sleep 60"})
    running = threading.Thread(target=stopped_call, args=(host, call, stop))
    running.start()
    try:
        assert host.client.collect_mount(session, NOTES.path).files == {"/a": "begun\n"}
    finally:
        stop.set()
        running.join()


def stopped_call(host, call, stop):
    with pytest.raises(SandboxStopped):
        host.client.run_tool(*call, mounts=[NOTES], stop=stop.is_set)


def test_open_box_sees_a_mount_change_at_once(host, session):
    host.client.sync_mount(session, RULES, {"/a.md": "before"})
    host.bash("x=1", session, mounts=[RULES])
    host.client.sync_mount(session, RULES, {"/a.md": "after"})
    assert host.bash("cat /mnt/memory/rules/a.md; echo $x", session, mounts=[RULES]).text == "after1"


def test_read_only_mount_refuses_writes(host, session):
    host.client.sync_mount(session, RULES, {"/a.md": "rule"})
    tool = host.client.run_tool(
        session, "write", {"file_path": "/mnt/memory/rules/a.md", "content": "x"}, mounts=[RULES]
    )
    shell = host.bash("echo x > /mnt/memory/rules/a.md", session, mounts=[RULES])
    assert tool.text == "write: /mnt/memory/rules/a.md is inside read-only directory /mnt/memory/rules"
    assert "Read-only file system" in shell.text
    assert host.client.collect_mount(session, RULES.path).files == {"/a.md": "rule"}


def test_writable_mount_keeps_writes(host, session):
    write = {"file_path": "/mnt/memory/notes/prefs/x.md", "content": "learnt"}
    host.client.run_tool(session, "write", write, mounts=[NOTES, RULES])
    host.bash("echo more >> /mnt/memory/notes/prefs/x.md", session, mounts=[NOTES, RULES])
    assert host.client.collect_mount(session, NOTES.path).files == {"/prefs/x.md": "learntmore\n"}


@pytest.mark.parametrize("path", ["/mnt/memory/other/x", "/mnt/memory/x", "/mnt/session/uploads/x"])
def test_other_places_below_the_mounts_are_read_only(host, session, path):
    tool = host.client.run_tool(session, "write", {"file_path": path, "content": "x"}, mounts=[NOTES])
    assert "is inside read-only directory" in tool.text
    assert host.bash(f"mkdir -p $(dirname {path}) && echo x > {path}", session, mounts=[NOTES]).is_error


@pytest.mark.parametrize("path", ["/x", "/usr/x", "/etc/x", "/mnt/x", "/mnt/session/x", "/dev/x", "/opt/lucid/box/x"])
def test_system_folders_are_read_only(host, session, path):
    assert "Read-only file system" in host.bash(f"echo x > {path}", session).text


def test_box_shows_only_its_own_processes(host, session):
    found = host.bash("for each in /proc/[0-9]*; do read name < $each/comm; echo $name; done", session)
    assert found.text.splitlines()[1:] == ["bash"]


def test_box_has_no_network(host, session):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reached = host.bash(f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached", session)
    assert "Connection refused" in reached.text
    assert "unreachable" in host.bash("exec 3<>/dev/tcp/192.0.2.1/80 && echo reached", session).text
    assert host.bash("cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '", session).text == "lo"


def test_sockets_of_this_machine_are_out_of_reach(host, session):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0lucid-test-abstract")
        server.listen()
        script = "import socket; socket.socket(socket.AF_UNIX).connect('\\0lucid-test-abstract')"
        assert "refused" in host.bash(f'python3 -c "{script}"', session).text
    assert host.bash(f"ls {host.socket}", session).is_error


def test_other_sessions_are_out_of_reach(host, session):
    host.bash("echo 'of another session' > marker-of-another", "sesn_other")
    found = host.bash(
        "find / -name 'marker-of-another' 2>/dev/null; grep -rs 'of another session' /mnt /workspace /tmp", session
    )
    assert found.text == "(no output)"


def test_environment_is_clean(host, session):
    names = host.bash("env | cut -d= -f1 | sort | tr '\\n' ' '", session).text.split()
    assert names == ["HOME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "SHLVL", "TERM", "TMPDIR", "USER", "_"]
    assert "not for agents" not in host.bash("cat /proc/*/environ; env", session).text


def test_agent_cannot_end_or_enter_the_first_process(host, session):
    host.bash("kill -9 1; kill -STOP 1; kill -INT 1; kill -ALRM 1", session)
    assert "Permission denied" in host.bash("ls -l /proc/1/fd; cat /proc/1/mem", session).text
    assert host.bash("echo still here", session).text == "still here"


def test_agent_gains_no_rights(host, session):
    assert host.bash("unshare -U true", session).is_error
    assert (
        host.bash("grep -h 'Cap\\|NoNewPrivs' /proc/self/status | cut -f2 | sort -u", session).text
        == "0000000000000000\n1"
    )


@pytest.mark.parametrize(("call", "number"), {**REFUSED.get(os.uname().machine, {}), "io_uring_setup": 425}.items())
def test_kernel_parts_that_no_tool_needs_are_not_there(host, session, call, number):
    script = f"import ctypes, os; c = ctypes.CDLL(None, use_errno=True); c.syscall({number}, 0, 0, 0, 0, 0)"
    told = host.bash(f"python3 -c '{script}; print(os.strerror(ctypes.get_errno()))'", session)
    assert told.text == "Function not implemented"


def test_python_is_there(host, session):
    assert host.bash("python3 -c 'import json, ssl, sqlite3; print(6 * 7)'", session).text == "42"


def test_uploads_can_be_read_and_not_changed(host, session):
    host.client.put_files(session, {"/mnt/session/uploads/in/data.csv": b"a,b", "/workspace/script.sh": b"echo run"})
    assert host.bash(
        "cat /mnt/session/uploads/in/data.csv; echo; bash script.sh; echo more >> script.sh", session
    ).text == ("a,b\nrun")
    assert host.bash("rm -rf /mnt/session/uploads/in; echo x > /mnt/session/uploads/in/data.csv", session).is_error
    assert host.client.read_file(session, "/mnt/session/uploads/in/data.csv") == b"a,b"


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/workspace/../x", "/workspace", "relative", "/mnt/memory/notes/x", "/workspace//x"]
)
def test_host_writes_below_session_folders_only(host, session, path):
    with pytest.raises(BadPath):
        host.client.put_files(session, {path: b"x"})


@pytest.mark.parametrize(
    "path", ["/mnt/memory/../x", "/mnt/memory/", "/mnt/memory/a/b", "/workspace", "/mnt/memory/.."]
)
def test_mounts_lie_directly_below_the_memory_folder(host, session, path):
    with pytest.raises(BadPath):
        host.client.sync_mount(session, Mount(path, "read_only"), {})


@pytest.mark.parametrize("path", ["/../escape", "/a/../../x", "//x", "/./x", ""])
def test_memory_paths_do_not_leave_their_mount(host, session, path):
    with pytest.raises(BadPath):
        host.client.sync_mount(session, NOTES, {path: "x"})


@pytest.mark.parametrize("session_id", ["../x", "", ".", ".box", "a/b", "x" * 129, "a\n"])
def test_session_ids_are_no_paths(host, session_id):
    with pytest.raises(ValueError, match="session id"):
        host.bash("true", session_id)
