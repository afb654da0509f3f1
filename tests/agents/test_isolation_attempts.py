"""Every attempt of a list to reach out of a sandbox fails, with and without a network; outside, they succeed."""

import json
import secrets
import socket
import threading
from contextlib import ExitStack, contextmanager, suppress

import pytest

from agents.sandbox.base import Network
from tests.agents.isolation_attempts import INSIDE, OUTSIDE, THROUGH, made_inside, made_outside
from tests.agents.sandboxes import USERS, running_host


@contextmanager
def answering(family, address):
    """A server that says hello to everybody; yields where it listens."""
    server = socket.socket(family)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind(address)
    server.listen(64)

    def serve():
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            with line, suppress(OSError):
                line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def own_address():
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.2"  # a machine without any other
        return probe.getsockname()[0]


@pytest.fixture(scope="module", params=USERS)
def host(request):
    with running_host("--egress", user=USERS[request.param]) as running:
        yield running


@pytest.fixture(scope="module")
def targets(host, tmp_path_factory):
    """Real things of this machine that a sandbox must not reach."""
    folder = tmp_path_factory.mktemp("data")
    folder.chmod(0o777)
    for name in ("secret", "database"):
        (folder / name).write_text("the machine's own")
        (folder / name).chmod(0o666)
    host.client.put_files("sesn_neighbour", {"/workspace/notes": b"of another session"})
    abstract, unix = f"lucid-{secrets.token_hex(4)}", str(host.folder / "redis.sock")
    address = own_address()
    with ExitStack() as stack:
        yield {
            "secret": str(folder / "secret"),
            "database": str(folder / "database"),
            "data": str(folder),
            "neighbour": str(host.root / "sesn_neighbour" / "workspace" / "notes"),
            "host_pid": host.process.pid,
            "host_socket": str(host.socket),
            "address": address,
            "abstract": abstract,
            "unix": unix,
            "port": stack.enter_context(answering(socket.AF_INET, ("127.0.0.1", 0)))[1],
            "port6": stack.enter_context(answering(socket.AF_INET6, ("::1", 0)))[1],
            "wide_port": stack.enter_context(answering(socket.AF_INET, (address, 0)))[1],
            "sockets": [stack.enter_context(answering(socket.AF_UNIX, each)) and 1 for each in (unix, f"\0{abstract}")],
        }


def reached(told):
    return {name: said for name, said in told.items() if "REACHED" in said}


def test_the_attempts_succeed_outside_of_a_sandbox(targets, tmp_path):
    (tmp_path / "targets").write_text(json.dumps(targets))
    told = made_outside(OUTSIDE, tmp_path / "targets", tmp_path)
    assert set(OUTSIDE) - set(reached(told)) == set(), told


@pytest.mark.parametrize("network", [None, Network()], ids=["no network", "unrestricted"])
def test_every_attempt_fails_in_a_sandbox(host, targets, network):
    session = f"sesn_{secrets.token_hex(4)}"
    attempts = OUTSIDE | INSIDE | THROUGH
    told = made_inside(host, session, attempts, targets, network)
    host.client.destroy(session)
    assert reached(told) == {}
    assert set(told) == set(attempts)
    alone = {name: said for name, said in told.items() if name in THROUGH and "Connection refused" in said}
    assert set(alone) == (set(THROUGH) if network is None else set()), told


def test_a_box_reaches_no_proxy_but_its_own(host, targets):
    """The one of a neighbour, which has a network, is on another loopback."""
    network = Network()
    host.bash("true", "sesn_neighbour", network=network)
    assert "refused" in host.bash("exec 3<>/dev/tcp/127.0.0.1/3128", "sesn_without").text
    host.client.destroy("sesn_without")
