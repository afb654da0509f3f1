"""Programs in other languages on the running product: the official TypeScript SDK, and what Java's client sends."""

import http.client
import json
import os
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "typescript"
INSTALL_SECONDS, WALK_SECONDS = 600, 300
AWAY = re.compile("E(NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|NETUNREACH|HOSTUNREACH|RR_SOCKET_TIMEOUT)")


@pytest.fixture(scope="session")
def node_modules(request) -> Path:
    """The SDK as the lock file names it, installed once for each lock file."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no Node.js with npm on this machine")
    lock = (FOLDER / "package-lock.json").read_bytes()
    folder = Path(request.config.cache.mkdir(f"typescript-{sha256(lock).hexdigest()[:12]}"))
    if not (folder / "complete").exists():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(FOLDER / name, folder)
        command = ["npm", "ci", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        if done.returncode and (away := AWAY.search(done.stderr)):
            pytest.skip(f"npm's registry cannot be reached ({away[0]})")
        assert done.returncode == 0, done.stderr
        (folder / "complete").touch()
    return folder


@pytest.fixture
def walk(node_modules, stack, api_key) -> dict[str, object]:
    """What the SDK saw on its way through agents, memory, files, a session and its stream."""
    script = shutil.copy(FOLDER / "smoke.mjs", node_modules)
    environment = {"PATH": os.environ["PATH"], "LUCID_URL": stack.url, "LUCID_KEY": api_key}
    done = subprocess.run(
        ["node", script], cwd=node_modules, env=environment, capture_output=True, text=True, timeout=WALK_SECONDS
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_typescript_sdk_walks_through_agents_memory_files_and_a_session(walk):
    assert walk["agent_versions"] == [1, 2]
    assert walk["listed_agents"] == ["Ann"]
    assert walk["versions"] == [2, 1]
    assert walk["stale_update"] == [409, "conflict_error"]
    assert walk["memory"] == [True, "Water boils at 99 °C up here."]
    assert sorted(walk["memory_versions"]) == ["created", "modified"]
    assert walk["taken_path"] == [409, "memory_path_conflict_error"]
    assert walk["file"] == ["table.csv", 8, False]
    assert walk["same_file"]
    assert walk["download"] == [400, "file_not_downloadable"]
    assert walk["tool_result"] == "a,b\n1,2"
    assert walk["outputs"] == [["copy.csv", "a,b\n1,2\n"]]
    assert [*walk["streamed"]][-1] == "session.status_idle"
    assert [kind for kind in walk["streamed"] if kind != "user.message"] == [
        kind for kind in walk["listed"] if kind != "user.message"
    ]
    assert walk["status"] == "idle"
    assert walk["archived"] == "terminated"
    assert walk["deleted_file"] == "file_deleted"


def test_a_client_that_offers_http_2_with_each_request_is_heard(stack, api_key):
    line = http.client.HTTPConnection(urlsplit(stack.url).netloc, timeout=60)
    headers = {
        "authorization": f"Bearer {api_key}",
        "anthropic-version": "2026-10-21",
        "anthropic-beta": "managed-agents-2026-04-01",
        "content-type": "application/json",
        "connection": "Upgrade, HTTP2-Settings",
        "upgrade": "h2c",
        "http2-settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    }
    for name in ("Ann", "Bea"):
        line.request("POST", "/v1/agents", json.dumps({"name": name, "model": "practice"}), headers)
        answer = json.load(line.getresponse())
        assert answer.get("name") == name, answer
    line.close()
