"""A command that never ends, forks without end, prints or writes without end is stopped, and nothing of it survives."""

import os
import secrets

import psutil
import pytest

from tests.agents.sandboxes import USERS, eventually, running_host, survivors

MIB = 1024 * 1024
HOST_MEMORY_MAX = 120 * MIB


@pytest.fixture(scope="module", params=USERS)
def host(request):
    with running_host("--memory-mib", "512", "--folder-mib", "128", user=USERS[request.param]) as running:
        yield running


@pytest.fixture
def session(host):
    session_id = f"sesn_{secrets.token_hex(8)}"
    yield session_id
    host.client.destroy(session_id)


@pytest.fixture
def marker():
    """Stands in the command line of what a test starts."""
    return f"98765.{secrets.randbelow(10**9)}"


def timed(host, command, session, timeout_ms=1000):
    return host.client.run_tool(session, "bash", {"command": command, "timeout_ms": timeout_ms})


def none_survives(marker):
    """What is killed is gone only when the kernel finds a moment for it; what was forgotten stays for a day."""
    return eventually(lambda: not survivors(marker))


@pytest.mark.parametrize(
    "command",
    [
        "sleep {}",
        "setsid sleep {} & sleep 60",
        "nohup setsid sleep {} >/dev/null 2>&1 & disown; sleep 60",
        "trap '' TERM INT HUP; sleep {}",
        "(while :; do sleep {}; done) & wait",
    ],
)
def test_timeout_ends_the_whole_tree(host, session, marker, command):
    outcome = timed(host, command.format(marker), session)
    assert (outcome.text, outcome.is_error) == ("bash: bash command timed out after 1.0s", True)
    assert none_survives(marker)


def test_background_job_lives_on_until_the_session_is_released(host, session, marker):
    host.bash(f"setsid sleep {marker} & echo started", session)
    assert host.bash("jobs | wc -l", session).text == "1"
    assert eventually(lambda: survivors(marker))  # the job may not have become `sleep` yet
    host.client.release(session)
    assert none_survives(marker)


def test_exit_of_the_shell_ends_its_jobs(host, session, marker):
    assert host.bash(f"setsid sleep {marker} & exit 3", session).is_error
    assert none_survives(marker)


def test_restart_ends_what_the_old_shell_left(host, session, marker):
    host.bash(f"setsid sleep {marker} &", session)
    assert host.client.run_tool(session, "bash", {"restart": True}).text == "bash session restarted"
    assert none_survives(marker)


def test_fork_bomb_is_contained_and_ended(host, session, marker):
    bomb = f"bomb() {{ bomb | bomb & }}; bomb; sleep {marker}"
    assert timed(host, bomb, session, 2000).is_error
    assert none_survives(marker)
    assert host.client.run_tool(session, "bash", {"restart": True}).text == "bash session restarted"
    assert host.bash("echo alive", session).text == "alive"


def test_processes_of_a_box_are_counted(host, session):
    script = "import os, signal\nn = 0\ntry:\n  while n < 2000:\n    os.fork() or signal.pause()\n    n += 1\n"
    host.client.put_files(session, {"/workspace/forks.py": (script + "except BlockingIOError: print(n)").encode()})
    assert 200 < int(timed(host, "python3 forks.py", session, 100_000).text) < 256


def test_endless_output_is_cut_and_memory_stays_small(host, session):
    outcome = timed(host, "head -c 400000000 /dev/zero | tr '\\0' x; echo; echo end", session, 100_000)
    assert outcome.text.startswith("[output truncated]\nxxx")
    assert outcome.text.endswith("x\nend")
    assert len(outcome.text) <= 102_400 + len("[output truncated]\n")
    process = psutil.Process(host.process.pid)
    assert process.memory_info().rss < HOST_MEMORY_MAX
    for child in process.children(recursive=True):
        assert child.memory_info().rss < HOST_MEMORY_MAX


def test_output_that_never_ends_times_out(host, session):
    assert timed(host, "yes", session).text == "bash: bash command timed out after 1.0s"


def test_process_that_wants_too_much_memory_is_refused(host, session):
    assert "MemoryError" in host.bash("python3 -c 'bytearray(3 * 2**30)'", session).text
    assert host.bash("echo alive", session).text == "alive"


def test_processes_that_want_too_much_memory_together_are_stopped(host, session, marker):
    hungry = f"python3 -c 'import time; x = bytearray(200 * 2**20); time.sleep({marker})' & "
    outcome = timed(host, hungry * 4 + "wait", session, 100_000)
    assert "stopped: the session's processes used" in outcome.text
    assert none_survives(marker)


def test_memory_of_tmp_is_bounded(host, session):
    for folder in ("/tmp", "/dev/shm"):
        fill = f"head -c 200000000 /dev/zero > {folder}/x; head -c 100000000 /dev/zero > {folder}/y"
        assert "No space left" in host.bash(fill, session).text


def test_shared_memory_that_nobody_maps_counts(host, session):
    script = (
        "import ctypes, time; c = ctypes.CDLL(None); c.shmat.restype = ctypes.c_void_p\n"
        "i = c.shmget(0, 700 * 2**20, 0o1600); a = c.shmat(i, None, 0)\n"
        "ctypes.memset(ctypes.c_void_p(a), 1, 700 * 2**20); c.shmdt(ctypes.c_void_p(a)); time.sleep(600)"
    )
    host.client.put_files(session, {"/workspace/hoard.py": script.encode()})
    assert "stopped: the session's processes used" in timed(host, "python3 hoard.py", session, 100_000).text


def test_one_file_cannot_grow_without_end(host, session):
    assert "File too large" in host.bash("truncate -s 268435456 sparse; echo more >> sparse", session).text
    assert host.bash("stat -c %s sparse", session).text == "268435456"


def test_files_of_a_session_cannot_grow_without_end(host, session):
    fill = "i=0; while :; do head -c 20000000 /dev/urandom > $i; i=$((i+1)); done"
    outcome = timed(host, fill, session, 100_000)
    assert "stopped: the session's files take" in outcome.text
    full = host.client.run_tool(session, "write", {"file_path": "x", "content": "x"})
    assert "stopped: the session's files take" in full.text
    host.client.run_tool(session, "bash", {"restart": True})
    assert "the limit is 128 MiB" in host.bash("rm -rf /workspace/*", session).text


def test_closed_folder_hides_no_size(host, session):
    host.bash("mkdir -p shut/in; head -c 150000000 /dev/urandom > shut/in/x; chmod 000 shut/in shut", session)
    write = ("write", {"file_path": "x", "content": "x"})  # only what looks again now and then sees it
    assert eventually(lambda: "stopped: the session's files take" in host.client.run_tool(session, *write).text)


def test_pattern_that_backtracks_is_stopped(host, session):
    host.bash("printf 'a%.0s' $(seq 40) > a.txt; echo '!' >> a.txt", session)
    outcome = host.client.run_tool(session, "grep", {"pattern": "(a+)+$"}, timeout=1)
    assert (outcome.text, outcome.is_error) == ("tool 'grep' timed out", True)
    assert host.bash("echo alive", session).text == "alive"


def test_shell_is_not_ended_by_another_tool_that_times_out(host, session):
    host.bash("x=kept; printf 'a%.0s' $(seq 40) > a.txt; echo '!' >> a.txt", session)
    host.client.run_tool(session, "grep", {"pattern": "(a+)+$"}, timeout=0.5)
    assert host.bash("echo $x", session).text == "kept"


def test_core_dumps_and_nice_values_are_bounded(host, session):
    assert host.bash("ulimit -c; nice", session).text == f"0\n{min(os.nice(0) + 5, 19)}"


def test_deep_and_closed_folders_are_deleted(host, session):
    nest = "import os\nfor i in range(3000): os.mkdir('d'); os.chdir('d')"
    host.bash(f'mkdir -p a/shut/b; chmod 000 a/shut; python3 -c "{nest}"; du -s . | wc -l', session)
    host.client.destroy(session)
    assert not os.listdir(host.root / ".trash")
    assert not (host.root / session).exists()
