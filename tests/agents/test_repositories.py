"""Repositories attached to sessions: cloned outside, worked on inside, and never in the way of a session."""

import json
import os
from pathlib import Path

import pytest

from agents import git as cloning
from agents import jobs
from agents.models import SessionResource
from agents.repositories import CloneFailed
from agents.services.events import send_events
from agents.services.sealing import reseal_all
from agents.services.session_resources import replace_token
from tests.agents.git_server import TOKEN, git, running_git_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_git_server(tmp_path_factory.mktemp("repositories")) as running:
        yield running


@pytest.fixture
def host(server, settings, monkeypatch):
    address, certificate = server
    settings.LUCID_GIT_HOSTS = [address]
    monkeypatch.setenv("GIT_SSL_CAINFO", certificate)
    return address


@pytest.fixture
def run(practice, sandbox_host, clean_redis, actor):
    def run_command(session, command):
        text = "practice: " + json.dumps({"steps": [{"tool": "bash", "input": {"command": command}}, {"text": "done"}]})
        message = {"type": "user.message", "content": [{"type": "text", "text": text}]}
        send_events(session, [message], actor=actor)
        jobs.run_thread(session.threads.get().pk)
        events = session.events.in_order()
        errors = [event.payload["error"] for event in events.filter(type="session.error")]
        last = events.filter(type="agent.tool_result").last()
        return "\n".join(block["text"] for block in last.payload["content"]), errors

    return run_command


def entry(host, name="tools", **members):
    return {"type": "github_repository", "url": f"https://{host}/acme/{name}", **members}


def everything_on_disk(folder):
    for path in Path(folder).rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path.read_bytes()


def test_a_repository_is_there_to_be_worked_on(make_session, run, host):
    session = make_session(resources=[entry(host)])
    said, errors = run(session, "cd tools && cat README.md && echo more >> README.md && git status --short; ls -l link")
    assert errors == []
    assert said.startswith("tools on main\n M README.md")
    assert "link -> /etc/passwd" in said
    assert run(session, "tail -n 1 README.md") == ("more", [])


@pytest.mark.parametrize(
    ("checkout", "text"),
    [
        ({"type": "branch", "name": "feature/x"}, "tools on a branch\nfeature/x"),
        ({"type": "commit", "sha": None}, "tools on main\nHEAD"),
    ],
)
def test_a_branch_or_a_commit_is_checked_out(make_session, run, host, server, checkout, text):
    if checkout["type"] == "commit":
        checkout = {**checkout, "sha": git(Path(server[1]).parent / "acme" / "tools", "rev-parse", "main")[:12]}
    session = make_session(resources=[entry(host, checkout=checkout, mount_path="/workspace/deep/er")])
    said, errors = run(session, "cd deep/er; cat README.md; git rev-parse --abbrev-ref HEAD")
    assert (said, errors) == (text, [])


def test_a_private_repository_takes_its_token_and_keeps_it_nowhere(make_session, run, host, settings, tmp_path, server):
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    session = make_session(resources=[entry(host, "private", authorization_token=TOKEN)])
    assert run(session, "cat private/README.md") == ("private on main", [])
    row = SessionResource.objects.get()
    assert TOKEN not in json.dumps(row.config) + row.sealed_token
    assert list(tmp_path.iterdir()) == []
    with cloning.cloned(row.config["url"], token=TOKEN, checkout=None, scratch=tmp_path) as folder:
        assert not any(TOKEN.encode() in data for data in everything_on_disk(folder))
    assert sum(count.current for count in reseal_all() if "sessionresource" in count.column) == 1


@pytest.mark.parametrize(
    ("name", "members", "error"),
    [
        ("private", {}, "repository_authentication_error"),
        ("private", {"authorization_token": "wrong"}, "repository_authentication_error"),
        ("forbidden", {}, "repository_forbidden_error"),
        ("nothing", {}, "repository_not_found_error"),
        ("moved", {}, "repository_clone_error"),
        ("tools", {"checkout": {"type": "branch", "name": "nowhere"}}, "repository_checkout_error"),
        ("tools", {"checkout": {"type": "commit", "sha": "0" * 40}}, "repository_checkout_error"),
    ],
)
def test_a_clone_that_fails_never_stops_the_session(make_session, run, host, name, members, error):
    session = make_session(resources=[entry(host, name, **members)])
    said, errors = run(session, "echo on")
    assert said.startswith("on\nThe repository")
    (told,) = errors
    assert (told["type"], told["retry_status"]) == (error, {"type": "retrying"})
    assert told["repository_url"] == f"https://{host}/acme/{name}"
    assert "wrong" not in told["message"]
    session.refresh_from_db()
    assert session.stop_reason == {"type": "end_turn"}


def test_a_better_token_makes_the_next_turn_succeed(make_session, run, host, actor):
    session = make_session(resources=[entry(host, "private", authorization_token="wrong")])
    run(session, "true")
    replace_token(session.resources.get(), TOKEN, actor=actor)
    said, errors = run(session, "cat private/README.md")
    assert (said, len(errors)) == ("private on main", 1)


def test_what_lies_in_the_way_stays(make_session, run, host):
    session = make_session(resources=[entry(host, "nothing", mount_path="/workspace/mine")])
    run(session, "mkdir mine; echo kept > mine/file")
    SessionResource.objects.update(config={**SessionResource.objects.get().config, "url": f"https://{host}/acme/tools"})
    said, errors = run(session, "cat mine/file")
    assert said.startswith("kept\n")
    assert "is there already" in errors[-1]["message"]


@pytest.mark.parametrize("url", ["file:///etc", "https://127.0.0.1:1/a/b"])
def test_git_speaks_https_and_answers_within_bounds(tmp_path, url):
    with pytest.raises(CloneFailed), cloning.cloned(url, token="", checkout=None, scratch=tmp_path):
        pass
    assert os.listdir(tmp_path) == []
