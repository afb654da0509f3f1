"""The packages of environments: installed once in a box of their own, there in every sandbox, and never trusted."""

import ast
import base64
import json
import os
import shutil
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from agents import jobs, limits, plugs
from agents.exceptions import InvalidRequest
from agents.models import Event, Thread
from agents.package_names import is_package
from agents.sandbox import limits as bounds
from agents.sandbox.base import Network, Packages, SandboxLost, SandboxStopped
from agents.sandbox.egress.authority import Leaves, make_authority
from agents.sandbox.egress.gates import system_certificates
from agents.sandbox.mirrors import Mirrors, authorities_in, holds_password, mirrors_of
from agents.sandbox.packages import PackageStore, name_of
from agents.services.environments import create_environment
from agents.services.events import send_events
from tests.agents.registries import debian_package, running_package_host, running_registry, wheel
from tests.agents.sandboxes import USERS, eventually, running_host

PATIENCE = 240
TINY = Packages({"pip": ("tiny==1.0",)})
needs_node = pytest.mark.skipif(not os.path.exists("/usr/bin/npm"), reason="this machine has no npm")
needs_apt = pytest.mark.skipif(not shutil.which("apt-get"), reason="this machine has no apt")


@pytest.fixture(scope="module")
def registry():
    with running_registry() as server:
        yield server


@pytest.fixture(scope="module")
def host(registry):
    with running_package_host(registry) as running:
        yield running


def installed(host, packages):
    assert host.client.install_packages(packages) == {}
    assert {state.state for state in host.client.packages_state(packages).values()} == {"installed"}


def waits_in_vain(host, packages):
    with pytest.raises(SandboxLost):
        host.client.install_packages(packages)


def said(host, command, packages, session="sesn_1", **options):
    outcome = host.bash(command, session, packages=packages, **options)
    assert not outcome.is_error, outcome.text
    return outcome.text


@needs_node
@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
def test_what_an_environment_names_is_there_in_every_sandbox(registry, user):
    packages = Packages({"pip": ("tiny==1.0",), "npm": ("small@1.0.0", "@scope/part")})
    with running_package_host(registry, user=user) as host:
        installed(host, packages)
        for program in ("python", "python3", "python -I"):
            assert said(host, f"{program} -c 'import tiny; print(tiny.VERSION)'", packages) == "1.0"
        assert said(host, "cd /tmp && tiny-say", packages) == "tiny says 1.0"
        assert said(host, "cd / && node -e 'console.log(require(\"small\").say())'", packages) == "small says 1.0.0"
        write = "import part from '@scope/part'; console.log(part.say())"
        host.client.put_files("sesn_1", {"/workspace/a/b.mjs": write.encode()})
        assert said(host, "node /workspace/a/b.mjs", packages) == "@scope/part says 1.0.0"
        assert said(host, "small-say; cd /workspace/a && npx --offline part-say", packages) == (
            "small says 1.0.0\n@scope/part says 1.0.0"
        )
        assert said(host, "cat /opt/packages/npm/node_modules/small/made", packages) == "made"
        refused = host.bash("touch /opt/packages/pip/x /opt/packages/npm/x", packages=packages)
        assert refused.text.count("Read-only file system") == 2
        assert "No module named 'tiny'" in host.bash("python3 -c 'import tiny'", "sesn_other").text


def test_one_list_is_installed_once_however_many_wait_for_it(host, registry):
    registry.seen.clear()
    lists = [Packages({"pip": ("once",)}), Packages({"pip": ("once", "once")})]
    threads = [threading.Thread(target=installed, args=(host, each)) for each in lists * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path for path, _ in registry.seen].count("/wheels/once-1.0-py3-none-any.whl") == 1


def test_names_of_contents_tell_apart_what_installs_differently():
    first = name_of("pip", Packages({"pip": ("a", "b")}))
    assert first == name_of("pip", Packages({"pip": ("b", "a", "a"), "npm": ("x",)}))
    others = [Packages({"pip": ("a",)}), Packages({"pip": ("a", "b")}, ()), Packages({"pip": ("a", "b")}, ("a.io",))]
    assert len({first, *(name_of("pip", each) for each in others)}) == 4


def test_the_code_of_a_package_meets_nothing_of_ours(host):
    packages = Packages({"pip": ("nosy",)}, ("pypi.org",))
    host.client.put_files("sesn_victim", {"/workspace/private": b"of a session"})
    installed(host, packages)
    seen = ast.literal_eval(said(host, "python3 -c 'import nosy; print(nosy.SEEN)'", packages))
    assert "LUCID_TEST_SECRET" not in seen["environment"]
    assert seen["files"] == {
        "/mnt": ["memory", "session", "skills"],
        "/mnt/session": ["outputs", "uploads"],
        "/mnt/memory": [],
        "/opt/packages": ["pip"],
    }
    assert "private" not in seen["own"]
    assert seen["other_port"].startswith("HTTP/1.1 403 The host localhost is not allowed")


def test_a_session_does_not_reach_the_registry_that_installers_do(host, registry):
    ask = f"curl -sS --noproxy '' http://localhost:{registry.port}/simple/tiny/"
    for network in (Network(), Network(("localhost",))):
        assert "private network" in host.bash(ask, f"sesn_{id(network)}", network=network).text


@needs_node
def test_a_failure_is_told_takes_no_other_along_and_mends_itself(host, registry):
    packages = Packages({"pip": ("late==1.0",), "npm": ("small",)})
    failed = host.client.install_packages(packages)
    assert list(failed) == ["pip"]
    assert "late" in failed["pip"]
    states = host.client.packages_state(packages)
    assert (states["pip"].state, states["pip"].said, states["npm"].state) == ("failed", failed["pip"], "installed")
    assert said(host, "echo on", packages, "sesn_late") == "on"
    file, data = wheel("late", "1.0")
    registry.python[file] = data
    assert eventually(lambda: host.client.install_packages(packages) == {}, PATIENCE)
    # A box that was opened without gets what it missed; its shell is new, which it says.
    assert host.bash("echo on", "sesn_late", packages=packages).is_error
    host.client.run_tool("sesn_late", "bash", {"restart": True}, packages=packages)
    assert said(host, "late-say", packages, "sesn_late") == "late says 1.0"


def test_other_wishes_wait_for_the_next_sandbox(host):
    installed(host, TINY)
    newer = Packages({"pip": ("tiny==2.0",)})
    installed(host, newer)
    ask = "python3 -c 'import tiny; print(tiny.VERSION)'"
    assert [said(host, ask, each, "sesn_kept") for each in (TINY, newer)] == ["1.0", "1.0"]
    host.client.release("sesn_kept")
    host.client.run_tool("sesn_kept", "bash", {"restart": True}, packages=newer)
    assert said(host, ask, newer, "sesn_kept") == "2.0"


def test_a_host_that_is_killed_in_the_middle_of_an_install_leaves_nothing_half_done(registry):
    packages = Packages({"pip": ("slow",)})
    hold = registry.held["slow-1.0-py3-none-any.whl"] = threading.Event()
    registry.reached.clear()
    with running_package_host(registry) as host:
        waiting = threading.Thread(target=waits_in_vain, args=(host, packages))
        waiting.start()
        assert registry.reached.wait(PATIENCE)
        assert host.client.packages_state(packages)["pip"].state == "installing"
        host.kill()
        hold.set()
        host.process.stdout.close()
        host.start()
        waiting.join()
        assert host.client.packages_state(packages)["pip"].state == "waiting"
        assert eventually(lambda: not [name for name in os.listdir(host.root) if name.startswith("packages_")])
        installed(host, packages)
        assert said(host, "slow-say", packages) == "slow says 1.0"


def test_whoever_stops_waiting_stops_no_install(host, registry):
    packages = Packages({"pip": ("slow", "tiny")})
    hold = registry.held["slow-1.0-py3-none-any.whl"] = threading.Event()
    registry.reached.clear()
    with pytest.raises(SandboxStopped):
        host.client.install_packages(packages, stop=registry.reached.is_set)
    assert host.client.packages_state(packages)["pip"].state == "installing"
    hold.set()
    assert eventually(lambda: host.client.packages_state(packages)["pip"].state == "installed", PATIENCE)


@pytest.fixture
def apt_folder():
    with tempfile.TemporaryDirectory(prefix="apt") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@needs_apt
def test_packages_of_apt_are_unpacked_without_root(registry, apt_folder):
    registry.debian = debian_package(apt_folder)
    (apt_folder / "sources.list").write_text(f"deb [trusted=yes] http://localhost:{registry.port}/apt/ ./\n")
    packages = Packages({"apt": ("hello-lucid",)}, ())
    with running_package_host(registry, f"--apt-folder={apt_folder}") as host:
        assert host.client.install_packages(packages) == {}
        assert said(host, "hello-lucid", packages) == "hello from a package"
        assert "Unable to locate package" in host.client.install_packages(Packages({"apt": ("nothing",)}, ()))["apt"]


def test_without_a_network_nothing_is_installed_and_that_is_said():
    with running_host() as host:
        assert host.client.install_packages(TINY)["pip"].startswith("This installation gives sandboxes no network")
        assert said(host, "echo on", TINY) == "on"


def test_a_mirror_with_a_password_is_used_without_telling_it_to_packages(tmp_path):
    authority = make_authority()
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(system_certificates() + authority.certificate)
    packages = Packages({"pip": ("nosy",)}, ())
    with running_registry(Leaves(authority).context("localhost")) as registry:
        address = f"https://me:s3cret-pw@localhost:{registry.port}/simple/"
        with running_package_host(
            registry, environment={"PIP_INDEX_URL": address, "SSL_CERT_FILE": str(trusted)}
        ) as host:
            installed(host, packages)
            assert "s3cret" not in said(host, "python3 -c 'import nosy; print(nosy.SEEN)'", packages)
        assert f"Basic {base64.b64encode(b'me:s3cret-pw').decode()}" in [token for _, token in registry.seen]


def test_a_mirrors_password_never_enters_a_box():
    mirrors = mirrors_of(
        {"pip_index_url": "https://me:s3cret-pw@pypi.corp:8443/simple", "GOPROXY": "https://go.corp,off"}
    )
    (variable,) = mirrors.variables
    assert (variable.value, variable.hosts, variable.in_body) == ("s3cret-pw", ("pypi.corp",), False)
    assert mirrors.environment == {
        "PIP_INDEX_URL": f"https://me:{variable.placeholder}@pypi.corp:8443/simple",
        "GOPROXY": "https://go.corp,off",
    }
    assert mirrors.trusted == ("pypi.corp:8443", "go.corp:443")
    assert mirrors_of({"PIP_INDEX_URL": "http://me:pw@pypi.corp/"}).problem
    assert mirrors_of({"PIP_INDEX_URL": "file:///srv/wheels"}) == Mirrors({}, (), ())


def test_sources_of_apt_name_their_hosts():
    text = "deb http://a.io/debian x main # https://old.io\nURIs: https://b.io:8443/debian\n"
    assert authorities_in(text) == ("a.io:80", "b.io:8443")
    assert not holds_password(text)
    assert holds_password("deb https://me:pw@a.io/ x main")


def test_what_was_not_used_for_longest_goes_first_and_nothing_that_a_box_shows(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "PACKAGES_STORE_SIZE", 250)
    (tmp_path / "trash").mkdir()
    store = PackageStore(
        SimpleNamespace(root=tmp_path), Mirrors({}, (), ()), str(tmp_path / "trash"), in_use=lambda: {"a"}, clear=None
    )
    for age, name in enumerate("dcba"):
        place = tmp_path / ".packages" / name
        place.mkdir()
        (tmp_path / ".packages" / f"{name}.size").write_text("100")
        os.utime(place, (1_000_000 - age, 1_000_000 - age))
    store._make_room("d")
    assert sorted(path.name for path in (tmp_path / ".packages").iterdir() if path.is_dir()) == ["a", "c", "d"]


PACKAGES = {
    "pip": ("a", "a==1.0", "a >= 1, < 2", "uvicorn[standard]~=0.30", "ruamel.yaml==0.*"),
    "npm": ("a", "a@1", "@types/node", "@types/node@^22.1", "a@latest", "a@>=1"),
    "gem": ("rake", "rake:13.2.1"),
    "cargo": ("ripgrep", "ripgrep@14.1.0"),
    "go": ("golang.org/x/tools/cmd/stringer", "golang.org/x/tools@v0.24.0"),
    "apt": ("jq", "g++", "libc6:amd64", "jq=1.6-2.1+deb12u1"),
}
REFUSED = {
    "pip": ("-rx", "--index-url=x", "a b", "./a", "/a", "..", "a @ https://x.io/a.whl", "https://x.io/a.whl", "git+a",
            "a;b", "a==", "a\n", "a==1 --hash", "ä", ""),
    "npm": ("-g", "--registry=x", "../a", "a/b", "a@file:x", "a@npm:b", "a@https://x.io", "github:a/b", "@a", "@/a",
            ".a", "a.tgz", "a@./b.tgz", "a b", ""),
    "gem": ("-v", "--source", "a -- b", "https://x.io", "a:-x", "./a.gem"),
    "cargo": ("-Z", "--git", "a@--x", "./a", "a/b"),
    "go": ("-x", "./...", "a", "../a.b/c", "a.b/../c", "a.b/c@-x", "/a.b/c"),
    "apt": ("-o", "a-", "a/../b", "./a.deb", "A", "a=-1", "a b"),
}  # fmt: skip


def test_only_packages_are_packages():
    assert [(each, kind) for kind, names in PACKAGES.items() for each in names if not is_package(each, kind)] == []
    assert [(each, kind) for kind, names in REFUSED.items() for each in names if is_package(each, kind)] == []


def test_shapes_are_told_quickly_however_long_the_text():
    for manager in PACKAGES:
        for text in ("a" * limits.PACKAGE_NAME_MAX, "a." * (limits.PACKAGE_NAME_MAX // 2) + "!", "a[" + "a," * 100):
            is_package(text, manager)


@pytest.mark.django_db(transaction=True)
def test_a_session_of_such_an_environment(
    host, settings, actor, clean_redis, practice, make_session, as_alice, registry
):
    settings.LUCID_SANDBOX_SOCKET = str(host.socket)
    plugs.sandbox.cache_clear()
    config = {"type": "cloud", "packages": {"pip": ["calm"], "npm": ["nothing-of-that-name@1"]}}
    environment = create_environment({"name": "box", "config": config}, actor=actor)
    session = make_session(environment_id=environment.pk)
    before = as_alice.get(f"/environments/{environment.pk}/").content.decode()
    assert "pip: not installed yet." in before
    program = json.dumps({"steps": [{"tool": "bash", "input": {"command": "calm-say"}}, {"text": "done"}]})
    message = {"type": "user.message", "content": [{"type": "text", "text": f"practice: {program}"}]}
    send_events(session, [message], actor=actor)
    jobs.run_thread(Thread.objects.get(session=session).pk)
    events = Event.objects.filter(session=session)
    told = events.get(type="session.error").payload["error"]
    assert (told["type"], told["retry_status"]) == ("unknown_error", {"type": "retrying"})
    assert told["message"].startswith("The environment's npm packages are not installed: ")
    result = events.get(type="agent.tool_result").payload
    assert result["content"][0]["text"] == "calm says 1.0"
    assert told["message"] in result["content"][-1]["text"]
    session.refresh_from_db()
    assert session.stop_reason == {"type": "end_turn"}
    page = as_alice.get(f"/environments/{environment.pk}/").content.decode()
    assert "pip: installed." in page
    assert "npm: not installed." in page
    plugs.sandbox.cache_clear()


@pytest.mark.django_db
def test_what_no_manager_would_take_for_a_package_is_refused_by_its_field(actor):
    config = {"type": "cloud", "packages": {"npm": ["a", "b@https://x.io/b.tgz"]}}
    with pytest.raises(InvalidRequest, match=r"config\.packages\.npm\.1: 'b@https://x\.io/b\.tgz' is no package"):
        create_environment({"name": "box", "config": config}, actor=actor)
