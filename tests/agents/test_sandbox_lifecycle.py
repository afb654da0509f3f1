"""A session's shell and files outlive workers; what a lost host or box means is said, and nothing is left running."""

import json
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import threading

import pytest

from agents.exceptions import TooLarge
from agents.sandbox import client
from agents.sandbox.base import Mount, SandboxLost, SandboxStopped, SandboxUnavailable
from agents.sandbox.client import SandboxClient
from tests.agents.sandboxes import HELD, USERS, eventually, running_host, survivors

LOST = "bash: bash session terminated; restart required"
MARKER = f"43210.{secrets.randbelow(10**9)}"  # no other suite on this machine has it


@pytest.fixture(params=USERS)
def host(request):
    with running_host(user=USERS[request.param]) as running:
        yield running


@pytest.fixture(scope="module")
def shared():
    with running_host() as running:
        yield running


def in_background(call, *arguments, **options):
    """Run `call` in a thread; returns a function that waits for what it raised or returned."""
    result = []

    def run():
        try:
            result.append(call(*arguments, **options))
        except Exception as error:
            result.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def wait():
        thread.join(120)
        return result[0]

    return wait


def test_shell_outlives_the_worker_that_opened_it(shared):
    shared.bash("cd /tmp; x=kept", "sesn_worker")
    another = SandboxClient(shared.socket)
    assert another.run_tool("sesn_worker", "bash", {"command": "pwd; echo $x"}).text == "/tmp\nkept"


def test_killed_host_takes_its_boxes_along_and_leaves_the_files(host):
    host.bash(f"echo kept > file; x=1; setsid sleep {MARKER} &")
    assert eventually(lambda: survivors(MARKER))
    host.kill()
    assert eventually(lambda: not survivors(MARKER))
    host.start()
    assert host.bash("cat file").text == LOST
    assert host.client.run_tool("sesn_1", "read", {"file_path": "file"}).text == "kept\n"
    assert host.client.run_tool("sesn_1", "bash", {"restart": True}).text == "bash session restarted"
    assert host.bash('cat file; echo "[$x]"').text == "kept\n[]"


def test_host_that_dies_in_the_middle_of_a_call_is_told_apart_from_one_that_is_absent(host, monkeypatch):
    monkeypatch.setattr(client, "RETURN_SECONDS", 0.0)
    waiting = in_background(host.bash, "sleep 60")
    assert eventually(lambda: host.client.stats()["busy"] == 1)
    host.kill()
    assert isinstance(waiting(), SandboxLost)
    with pytest.raises(SandboxUnavailable, match="sandbox host does not answer"):
        host.bash("true")
    report = host.client.probe()
    assert (report.works, "does not answer" in report.reason, "manage.py up" in report.remedy) == (False, True, True)
    host.start()


def test_stopped_host_ends_every_box_at_once(host):
    host.bash(f"setsid sleep {MARKER} &", "sesn_a")
    waiting = in_background(host.bash, f"sleep {MARKER}", "sesn_b")
    assert eventually(lambda: len(survivors(MARKER)) >= 2)
    host.stop()
    assert not survivors(MARKER)
    assert isinstance(waiting(), SandboxLost)
    host.start()


def test_a_call_waits_for_a_host_that_is_started_again(host, monkeypatch):
    monkeypatch.setattr(client, "RETURN_SECONDS", 60.0)
    host.kill()
    waiting = in_background(host.bash, "echo back")
    host.start()
    assert waiting().content[0]["text"].strip() == "back"


def test_a_host_that_is_asked_to_end_lets_a_running_call_end_first(host):
    host.stop()
    host.options = ("--finish-seconds", "60")
    host.start()
    waiting = in_background(host.bash, f"{HELD}; echo whole")
    assert eventually(host.is_held)
    host.process.send_signal(signal.SIGTERM)
    assert eventually(lambda: not host.client.probe().works)
    host.tell()
    assert waiting().content[0]["text"].strip() == "whole"
    host.process.wait()
    host.start()


def test_host_ends_with_the_process_that_started_it(tmp_path):
    script = (
        "import subprocess, sys, time\n"
        "host = subprocess.Popen([sys.executable, '-m', 'agents.sandbox.host', *sys.argv[1:]])\n"
        "print(host.pid, flush=True)\ntime.sleep(60)"
    )
    options = ("--socket", str(tmp_path / "host.sock"), "--root", str(tmp_path / "root"))
    parent = subprocess.Popen([sys.executable, "-c", script, *options], stdout=subprocess.PIPE)
    pid = int(parent.stdout.readline())
    assert eventually((tmp_path / "host.sock").exists)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert eventually(lambda: not os.path.exists(f"/proc/{pid}"))


def test_second_host_on_the_same_folder_is_refused(shared):
    options = ("--socket", f"{shared.socket}.second", "--root", str(shared.root))
    second = subprocess.run(
        [sys.executable, "-m", "agents.sandbox.host", *options], capture_output=True, text=True, check=False, timeout=60
    )
    assert second.returncode != 0
    assert f"another sandbox host already owns {shared.root}" in second.stderr
    assert shared.bash("echo fine", "sesn_second").text == "fine"


def test_unwritable_folder_stops_the_host_with_its_name(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    options = ("--socket", str(tmp_path / "host.sock"), "--root", str(blocked / "root"))
    host = subprocess.run(
        [sys.executable, "-m", "agents.sandbox.host", *options], capture_output=True, text=True, check=False, timeout=60
    )
    assert host.returncode != 0
    assert str(blocked) in host.stderr


def test_client_that_hangs_up_cancels_its_call(host):
    script = (
        "import sys; from agents.sandbox.client import SandboxClient\n"
        "SandboxClient(sys.argv[1]).run_tool('sesn_1', 'bash', {'command': sys.argv[2]})"
    )
    command = f"setsid sleep {MARKER} & sleep {MARKER}"
    worker = subprocess.Popen([sys.executable, "-c", script, str(host.socket), command])
    assert eventually(lambda: survivors(f"sleep\0{MARKER}"))
    worker.kill()
    worker.wait()
    assert eventually(lambda: not survivors(f"sleep\0{MARKER}"))
    assert host.bash("echo next").text == LOST


def test_caller_can_stop_its_own_call(shared):
    stop = threading.Event()
    waiting = in_background(shared.bash, f"sleep {MARKER}", "sesn_stop", stop=stop.is_set)
    assert eventually(lambda: survivors(f"sleep\0{MARKER}"))
    stop.set()
    assert isinstance(waiting(), SandboxStopped)
    assert eventually(lambda: not survivors(f"sleep\0{MARKER}"))
    assert shared.bash("echo next", "sesn_stop").text == LOST


def test_client_that_hangs_up_while_waiting_disturbs_nobody(shared):
    stop = threading.Event()
    first = in_background(shared.bash, f"x=first; {HELD}; echo done", "sesn_wait")
    assert eventually(lambda: shared.is_held("sesn_wait"))
    second = in_background(shared.bash, "echo never", "sesn_wait", stop=stop.is_set)
    stop.set()
    assert isinstance(second(), SandboxStopped)
    shared.tell("sesn_wait")
    assert first().text == "done"
    assert shared.bash("echo $x", "sesn_wait").text == "first"


def test_calls_of_one_session_run_one_after_the_other(shared):
    calls = [in_background(shared.bash, f"echo start {n}; sleep 0.2; echo end {n}", "sesn_order") for n in range(4)]
    for call in calls:
        start, end = call().text.splitlines()
        assert start.split()[1] == end.split()[1]


def test_sessions_run_side_by_side(shared):
    stop = threading.Event()
    long = in_background(shared.bash, "sleep 60", "sesn_long", stop=stop.is_set)
    assert eventually(lambda: shared.client.stats()["busy"] == 1)
    assert shared.bash("echo quick", "sesn_quick").text == "quick"
    stop.set()
    assert isinstance(long(), SandboxStopped)


def test_release_ends_the_shell_and_keeps_the_files(shared):
    shared.bash("echo kept > file", "sesn_release")
    shared.client.release("sesn_release")
    assert shared.bash("cat file", "sesn_release").text == LOST
    assert shared.client.read_file("sesn_release", "/workspace/file") == b"kept\n"


def test_destroy_deletes_everything_and_a_new_session_starts_afresh(shared):
    shared.bash("echo gone > file", "sesn_destroy")
    shared.client.destroy("sesn_destroy")
    assert not (shared.root / "sesn_destroy").exists()
    assert shared.bash("ls -A; echo fresh", "sesn_destroy").text == "fresh"


def test_new_mount_reaches_a_session_whose_box_is_open(shared):
    notes = Mount("/mnt/memory/notes", "read_only")
    shared.bash("true", "sesn_mount")
    shared.client.sync_mount("sesn_mount", notes, {"/a.md": "text"})
    read = shared.client.run_tool("sesn_mount", "read", {"file_path": "/mnt/memory/notes/a.md"}, mounts=[notes])
    assert read.text == "text"


def test_agent_that_ends_all_its_processes_is_told_that_the_shell_is_gone(shared):
    assert shared.bash("kill -9 $$", "sesn_suicide").is_error
    assert shared.bash("echo x", "sesn_suicide").text == LOST
    assert shared.client.run_tool("sesn_suicide", "bash", {"restart": True}).text == "bash session restarted"


def test_idle_box_is_closed_and_its_files_stay():
    with running_host("--idle-seconds", "0.2") as host:
        host.client.run_tool("sesn_1", "write", {"file_path": "a", "content": "kept"})
        host.bash("x=1", "sesn_2")
        assert eventually(lambda: host.client.stats()["open"] == 0)
        assert host.client.run_tool("sesn_1", "read", {"file_path": "a"}).text == "kept"
        assert host.bash("echo $x", "sesn_1").text == "(no output)"
        assert host.bash("echo $x", "sesn_2").text == LOST


def test_longest_idle_box_makes_room():
    with running_host("--boxes-max", "2") as host:
        for session in ("sesn_1", "sesn_2", "sesn_1", "sesn_3"):
            host.bash("x=kept; echo kept > file", session)
        assert host.client.stats()["open"] == 2
        assert host.bash("echo $x", "sesn_1").text == "kept"
        assert host.bash("echo $x", "sesn_2").text == LOST


def test_call_waits_for_room_when_every_box_is_busy():
    with running_host("--boxes-max", "1") as host:
        first = in_background(host.bash, f"{HELD}; echo first", "sesn_1")
        assert eventually(host.is_held)
        threading.Timer(0.3, host.tell).start()
        assert host.bash("echo second", "sesn_2").text == "second"
        assert first().text == "first"


BROKEN = {
    "not json": "line.output.write(b'\\0\\0\\0\\5hello'); line.output.flush()",
    "not an object": "line.output.write(b'\\0\\0\\0\\2[]'); line.output.flush()",
    "too long": "line.output.write(b'\\xff' * 100); line.output.flush()",
    "half an answer": "line.output.write(b'\\0\\0\\1\\0{'); line.output.flush(); os._exit(1)",
    "wrong members": "line.send({'content': 'text', 'is_error': False})",
    "wrong blocks": "line.send({'content': [{'type': 'text', 'text': 5}], 'is_error': False})",
    "other blocks": "line.send({'content': [{'type': 'tool_use', 'id': 'x'}], 'is_error': False})",
    "too many blocks": "line.send({'content': [{'type': 'text', 'text': ''}] * 99, 'is_error': False})",
    "no answer": "import time; time.sleep(600)",
    "nesting": "d = b'[' * 200000; line.output.write(len(d).to_bytes(4, 'big') + d); line.output.flush()",
}


@pytest.mark.parametrize("name", BROKEN)
def test_box_that_answers_rubbish_is_closed_and_hurts_nobody(name):
    with running_host() as host:
        code = host.root / ".box" / "box" / "main.py"
        text = code.read_text()
        code.write_text(text.replace("line.send(answer(box, line.receive()))", f"line.receive(); {BROKEN[name]}"))
        outcome = host.client.run_tool("sesn_1", "read", {"file_path": "x"}, timeout=0.2)
        code.write_text(text)
        assert outcome.is_error
        assert host.client.stats()["open"] == 0
        assert host.bash("echo fine", "sesn_1").text == "fine"


@pytest.mark.parametrize(
    "message",
    [
        b"\0\0\0\5hello",
        b"\0\0\0\2[]",
        b"\xff\xff\xff\xff",
        json.dumps({"operation": "nothing"}).encode(),
        json.dumps({"operation": "__init__"}).encode(),
        json.dumps({"operation": "run_tool"}).encode(),
        json.dumps({"operation": "run_tool", "session_id": "s", "name": "web_search", "input": {}}).encode(),
        json.dumps({"operation": "run_tool", "session_id": 5, "name": "bash", "input": {}}).encode(),
        json.dumps({"operation": "run_tool", "session_id": "s", "name": "read", "input": {}, "mounts": [{}]}).encode(),
        json.dumps({"operation": "put_files", "session_id": "s", "files": {"/workspace/x": "no base64!"}}).encode(),
        json.dumps({"operation": "put_files", "session_id": "s", "files": []}).encode(),
    ],
)
def test_request_that_makes_no_sense_gets_an_error(shared, message):
    if message.startswith(b"{"):
        message = struct.pack(">I", len(message)) + message
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(shared.socket))
        line.sendall(message)
        line.settimeout(60)
        length = struct.unpack(">I", line.recv(4))[0]
        answer = json.loads(line.recv(length))
    assert answer["error"]["kind"] == "bad_request"


def test_too_many_bytes_at_once_are_refused_before_they_are_sent(shared):
    with pytest.raises(TooLarge, match="more than the sandbox's"):
        shared.client.put_files("sesn_large", {"/workspace/x": bytes(110 * 2**20)})


def test_socket_is_for_its_owner_alone(shared):
    assert os.stat(shared.socket).st_mode & 0o777 == 0o600
