"""Where no box can be opened, tools are off and say why and how to mend it; nothing ever runs outside a box."""

import json
import os
import subprocess
import sys

import pytest

from agents.sandbox.base import SandboxUnavailable
from agents.sandbox.client import SandboxClient
from agents.sandbox.explain import explain
from agents.sandbox.launch import bubblewraps
from tests.agents.sandboxes import READY_SECONDS, RunningHost, running_host

APPARMOR = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
CLONE = "/proc/sys/kernel/unprivileged_userns_clone"
MAXIMUM = "/proc/sys/user/max_user_namespaces"


@pytest.fixture
def host_without_namespaces(tmp_path):
    """A host in surroundings that forbid user namespaces, as many containers do."""
    with running_host() as working:
        working.stop()
        bwrap = next(iter(bubblewraps()))
        surroundings = (bwrap, "--unshare-user", "--disable-userns", "--dev-bind", "/", "/", "--die-with-parent")
        host = RunningHost.__new__(RunningHost)
        host.__dict__.update(working.__dict__)
        host.start(*surroundings)
        yield host
        host.process.kill()
        host.process.wait()
        host.process.stdout.close()


def test_machine_without_user_namespaces_gets_cause_and_remedy(host_without_namespaces):
    report = host_without_namespaces.client.probe()
    assert not report.works
    assert "namespace" in report.reason
    assert report.remedy


def test_tool_call_is_refused_and_leaves_no_trace(host_without_namespaces, tmp_path):
    proof = tmp_path / "ran"
    with pytest.raises(SandboxUnavailable) as refused:
        host_without_namespaces.bash(f"touch {proof}")
    assert (refused.value.status, refused.value.type) == (503, "api_error")
    assert refused.value.reason
    assert refused.value.remedy in str(refused.value)
    assert not proof.exists()


def test_machine_without_host_gets_cause_and_remedy(tmp_path):
    client = SandboxClient(tmp_path / "none.sock")
    assert "manage.py up" in client.probe().remedy
    with pytest.raises(SandboxUnavailable):
        client.put_files("sesn_1", {"/workspace/x": b"x"})


def test_deep_data_folder_is_no_obstacle(tmp_path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    options = ("--socket", str(deep / "host.sock"), "--root", str(deep / "root"))
    process = subprocess.Popen([sys.executable, "-m", "agents.sandbox.host", *options], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline().startswith(b"sandbox host ready")
        assert SandboxClient(deep / "host.sock").stats()["open"] == 0
    finally:
        process.terminate()
        process.wait(READY_SECONDS)
        process.stdout.close()


@pytest.mark.parametrize(
    ("settings", "said", "reason", "remedy"),
    [
        ({APPARMOR: "1"}, "bwrap: setting up uid map: Permission denied", "AppArmor", "apparmor-profiles"),
        ({CLONE: "0"}, "bwrap: No permissions to create a new namespace", "forbids unprivileged", "userns_clone=1"),
        ({MAXIMUM: "0"}, "bwrap: Creating new namespace failed: No space left on device", "no user", "max_user"),
        ({}, "", "without a word", "as the same user"),
        ({APPARMOR: "1"}, "bwrap: Can't find source path /data: Permission denied", "Can't find source", "same user"),
    ],
)
def test_cause_is_named_from_what_bubblewrap_said(settings, said, reason, remedy):
    found = explain(said, in_container=False, read=lambda path: settings.get(path, ""))
    assert reason in found[0]
    assert said.strip() in found[0]
    assert remedy in found[1]


def test_container_is_told_which_options_it_lacks():
    said = "bwrap: Can't mount proc on /newroot/proc: Operation not permitted"
    reason, remedy = explain(said, in_container=True, read=lambda path: "")
    assert "container" in reason
    assert "systempaths=unconfined" in remedy


def test_importing_the_sandbox_needs_no_django():
    script = (
        "import json, sys; import agents.sandbox.client, agents.sandbox.host; print(json.dumps(sorted(sys.modules)))"
    )
    listed = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, cwd=os.getcwd())
    modules = json.loads(listed.stdout)
    assert not [name for name in modules if name.partition(".")[0] in ("django", "anthropic", "pydantic")]
