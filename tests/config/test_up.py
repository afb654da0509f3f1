"""`manage.py up`: everything on one machine, ended by a signal, with one clear line for what is wrong."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.chaos.parts import find
from tests.stack import (
    ANSWER_SECONDS,
    ROOT,
    STOP_SECONDS,
    Stack,
    answer_of,
    clean_environment,
    running_up,
    short_folder,
    wait_for,
)


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    folder = short_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def up(data_dir: Path) -> Iterator[Stack]:
    with running_up(data_dir, "--no-demo") as stack:
        yield stack


def up_fails(data_dir: Path, *options: str, **environment: str) -> str:
    """The one line that a start which cannot succeed leaves."""
    command = [sys.executable, "manage.py", "up", "--no-demo", "--data-dir", str(data_dir), *options]
    known = clean_environment(data_dir, **environment)
    ended = subprocess.run(
        command, cwd=ROOT, env=known, capture_output=True, text=True, timeout=STOP_SECONDS, check=False
    )
    assert ended.returncode == 1, ended.stdout
    (line,) = ended.stderr.splitlines()
    return line


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, text
    return match[1]


def children(stack: Stack) -> list[psutil.Process]:
    return psutil.Process(stack.process.pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool | None:
    return True if not [process for process in processes if is_alive(process)] else None


def is_alive(process: psutil.Process) -> bool:
    """One that ended and waits to be cleared away by the system is not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_it_answers_when_it_says_ready(up: Stack):
    answer = answer_of(f"{up.url}/login/")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert answer.headers["request-id"].startswith("req_")


def test_static_files_are_served_without_a_build_step(up: Stack):
    answer = answer_of(f"{up.url}/static/css/app.css")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/css")


def test_the_first_start_shows_a_password_that_signs_in(up: Stack):
    password = found(r"password +(\S+)", up.output())
    assert password.isalnum()
    with httpx2.Client(base_url=up.url, timeout=ANSWER_SECONDS) as browser:
        form = {"username": "admin", "password": password}
        form["csrfmiddlewaretoken"] = found(r'csrfmiddlewaretoken" value="(\w+)"', browser.get("/login/").text)
        assert browser.post("/login/", data=form).headers["location"] == "/"
        assert browser.get("/sessions/").status_code == 200


def test_a_second_start_on_the_same_folder_is_refused(up: Stack, data_dir: Path):
    line = up_fails(data_dir, "--port", "0")
    assert f"running on {data_dir} already (process {up.process.pid})" in line


def test_a_busy_port_is_named(up: Stack, tmp_path: Path):
    port = up.url.rpartition(":")[2]
    assert f"127.0.0.1:{port}: Address already in use" in up_fails(tmp_path, "--port", port)


def test_a_redis_that_does_not_answer_is_named_without_its_password(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    line = up_fails(tmp_path, "--port", "0", REDIS_URL=f"redis://:secret@127.0.0.1:{port}/0")
    assert f"127.0.0.1:{port}" in line
    assert "secret" not in line


def test_a_database_that_does_not_answer_is_named(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    folder = short_folder()
    line = up_fails(folder, "--port", "0", DATABASE_URL=f"postgres://nobody@127.0.0.1:{port}/lucid")
    assert line.startswith("CommandError: DATABASE_URL")
    shutil.rmtree(folder)


def test_the_sandbox_host_is_told_no_secret(up: Stack):
    host = wait_for(lambda: find(up, "agents.sandbox.host"), 60)
    assert "SECRET_KEY" in psutil.Process(up.process.pid).environ()
    assert "SECRET_KEY" not in host.environ()


@pytest.mark.parametrize("mark", ["lucid-worker", "lucid-web", "lucid-practice", "agents.sandbox.host", "redis.sock"])
def test_a_part_that_dies_is_started_again(up: Stack, mark: str):
    victim = wait_for(lambda: find(up, mark), 60)
    victim.kill()
    wait_for(lambda: gone([victim]), 60)
    replacement = wait_for(lambda: find(up, mark), 60)
    assert replacement.pid != victim.pid
    wait_for(lambda: True if _status(up.url) == 200 else None, 60)


def test_listening_everywhere_says_which_names_are_answered():
    folder = short_folder()
    with running_up(folder, "--no-demo", "--host", "0.0.0.0") as stack:
        wait_for(lambda: True if "Set ALLOWED_HOSTS" in stack.output() else None, 60)
        port = stack.url.rpartition(":")[2]
        assert answer_of(f"http://127.0.0.1:{port}/login/").status_code == 200
        assert answer_of(f"http://127.0.0.1:{port}/login/", headers={"host": "other.example"}).status_code == 400
    shutil.rmtree(folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_every_child(data_dir: Path, number: int):
    folder = short_folder()
    with running_up(folder, "--no-demo") as stack:
        processes = children(stack)
        assert len(processes) >= 5
        assert stack.stop(number) == 0
        wait_for(lambda: gone(processes), 60)
        assert "password" in stack.output()
        assert "stopping ..." in stack.output().splitlines()
        assert stack.output().splitlines()[-1] == "stopped"
    with running_up(folder, "--no-demo") as again:
        assert "password" not in again.output()
        orphans = children(again)
        os.kill(again.process.pid, signal.SIGKILL)
        wait_for(lambda: gone(orphans), 60)
    shutil.rmtree(folder)


def test_a_start_at_once_after_a_kill_finds_nothing_in_its_way():
    folder = short_folder()
    with running_up(folder, "--no-demo") as stack:
        orphans = children(stack)
        stack.process.kill()
        stack.process.wait()
        stack.start_again()
        assert _status(stack.url) == 200
        wait_for(lambda: gone(orphans), 60)
    shutil.rmtree(folder)


WITHOUT_DEATH_SIGNAL = """
import sys, time
from config.stack import children
children.DIES_BY_SIGNAL = False
forked = children.run_forked(lambda: time.sleep(600), "task")
program = children.run_forked(children.execute(["sleep", "600"]), "task")
print(forked, program, flush=True)
time.sleep(600)
"""


def test_children_end_with_their_parent_where_the_system_does_not_see_to_it(tmp_path: Path):
    command = [sys.executable, "-c", WITHOUT_DEATH_SIGNAL]
    environment = {**clean_environment(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        forked, program = (psutil.Process(int(pid)) for pid in parent.stdout.readline().split())
        guarded = wait_for(lambda: next(iter(program.children()), None), 60)
        parent.kill()
        wait_for(lambda: gone([forked, program, guarded]), 60)


def _status(url: str) -> int:
    try:
        return answer_of(f"{url}/login/").status_code
    except httpx2.HTTPError:
        return 0
