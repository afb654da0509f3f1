"""What commands in a sandbox reach, what they do not, and where secrets go: real boxes, a real proxy, real TLS."""

import json

import psutil
import pytest

from agents.sandbox.base import Network, Variable
from tests.agents.egress_servers import proxies, running_networked_host, running_outside
from tests.agents.sandboxes import eventually

PATIENCE = 60
SECRET = 'real-"secret"/+value'
HOLDER = "lucid_secret_0123"
TOKEN = Variable("TOKEN", HOLDER, SECRET, ("localhost",))
CURL = "curl -sS --max-time 60 --noproxy ''"  # loopback is where the servers of these tests are
ASK = """
import json, socket, sys
answers = {}
for line in json.load(open(sys.argv[1])):
    with socket.create_connection(("127.0.0.1", 3128), timeout=60) as proxy:
        proxy.sendall(line.encode("latin-1"))
        answers[line] = proxy.makefile("rb").readline().decode("latin-1")
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def outside():
    with running_outside() as outside:
        yield outside


@pytest.fixture(scope="module")
def host(outside):
    with running_networked_host(outside) as running:
        yield running


@pytest.fixture
def session(host, outside, request):
    session_id = f"sesn_{abs(hash(request.node.name))}"
    for server in (outside.plain, outside.safe, outside.stranger):
        server.seen.clear()
    yield session_id
    host.client.destroy(session_id)


def ask(host, session, lines, network):
    """The proxy's first line to each of these requests."""
    host.client.put_files(session, {"/workspace/ask.py": ASK.encode(), "/workspace/lines": json.dumps(lines).encode()})
    told = host.bash("python3 ask.py lines", session, network=network)
    assert not told.is_error, told.text
    return json.loads(told.text)


def connect(target):
    return f"CONNECT {target} HTTP/1.1\r\n\r\n"


def get(host):
    return f"GET http://{host}/ HTTP/1.1\r\nhost: {host}\r\n\r\n"


def test_a_command_reaches_a_host_directly_through_a_tunnel_and_over_tls(host, session, outside):
    plain, safe = f"http://localhost:{outside.plain.port}", f"https://localhost:{outside.safe.port}"
    for command in (f"{CURL} {plain}/a", f"{CURL} -p {plain}/b", f"{CURL} -k {safe}/c"):
        assert "headers" in host.bash(command, session, network=Network()).text
    assert [path for _, path, _, _ in outside.plain.seen + outside.safe.seen] == ["/a", "/b", "/c"]
    assert outside.plain.seen[0][2]["host"] == f"localhost:{outside.plain.port}"


def test_several_requests_on_one_connection_go_where_each_says(host, session, outside):
    urls = f"http://localhost:{outside.plain.port}/one http://127.0.0.1:{outside.plain.port}/two"
    told = host.bash(f"{CURL} -d hello {urls} http://10.0.0.1/three", session, network=Network())
    assert told.text.count('"body": "hello"') == 2
    assert "The host 10.0.0.1 is not allowed" in told.text


def test_a_limited_environment_refuses_by_name_and_says_so(host, session, outside):
    port = outside.plain.port
    network = Network(("localhost", "*.allowed.example"))
    assert "headers" in host.bash(f"{CURL} http://localhost:{port}/", session, network=network).text
    refused = host.bash(f"{CURL} http://127.0.0.1:{port}/", session, network=network).text
    assert "The host 127.0.0.1 is not allowed" in refused
    assert "environment has limited networking" in refused
    lines = [connect(f"127.0.0.1:{port}"), connect("allowed.example:443"), connect("localhost.:443")]
    told = ask(host, session, lines, network)
    assert [answer.split()[1] for answer in told.values()] == ["403", "403", "403"]
    assert "allowed_hosts do not name it" in told[lines[0]]
    assert "private network" in told[lines[2]]


def test_a_changed_environment_applies_to_boxes_that_are_opened_later(host, session, outside):
    command = f"{CURL} -o /dev/null -w '%{{http_code}}' http://localhost:{outside.plain.port}/"
    assert host.bash(command, session, network=Network()).text == "200"
    assert host.bash(command, session, network=Network(())).text == "200"
    host.client.release(session)
    host.client.run_tool(session, "bash", {"restart": True}, network=Network(()))
    assert host.bash(command, session, network=Network(())).text == "403"


def test_without_a_network_nothing_points_to_a_proxy(host, session):
    assert "PROXY" not in host.bash("env", session).text
    assert "refused" in host.bash("exec 3<>/dev/tcp/127.0.0.1/3128", session).text


def test_a_secret_is_in_requests_to_its_hosts_and_nowhere_in_the_box(host, session, outside):
    url = f"https://localhost:{outside.safe.port}"
    network = Network(None, (TOKEN,))
    told = [
        host.bash(f"{CURL} {CURL_AUTH} {url}{path}", session, network=network).text
        for path, CURL_AUTH in [
            ("/header", '-i -H "authorization: Bearer $TOKEN"'),
            ("/basic", '-i -u "me:$TOKEN"'),
            ("/form", '--data-urlencode "token=$TOKEN"'),
            ("/json", """-H 'content-type: application/json' -d "{\\"token\\": \\"$TOKEN\\"}" """),
            ("/torn", '-H "authorization: Bearer $TOKEN"'),
            ("/scold", '-i -H "authorization: Bearer $TOKEN"'),
        ]
    ]
    header, basic, form, body, torn, _ = outside.safe.seen
    assert header[2]["authorization"] == torn[2]["authorization"] == f"Bearer {SECRET}"
    assert basic[2]["authorization"] == "Basic bWU6cmVhbC0ic2VjcmV0Ii8rdmFsdWU="
    assert form[3] == b"token=real-%22secret%22%2F%2Bvalue"
    assert json.loads(body[3]) == {"token": SECRET}
    assert told[4] == f"Bearer {HOLDER}"
    assert f"x-echo: Bearer {HOLDER}" in told[0]
    assert f"401 No Bearer {HOLDER}" in told[5]
    seen = "\n".join(told) + host.bash("env; cat /proc/self/environ", session, network=network).text
    assert not [part for part in ("real-", "bWU6cmVhbC0", "cmVhbC0") if part in seen]
    assert host.bash("echo $TOKEN", session, network=network).text == HOLDER


def test_a_secret_goes_to_no_other_host_nor_in_the_clear(host, session, outside):
    header = '-H "authorization: Bearer $TOKEN"'
    plain, safe = f"http://localhost:{outside.plain.port}", f"https://127.0.0.1:{outside.safe.port}"
    network = Network(None, (TOKEN,))
    host.bash(
        f"{CURL} {header} {plain}; {CURL} -p {header} {plain}; {CURL} -k {header} {safe}", session, network=network
    )
    seen = [headers["authorization"] for _, _, headers, _ in outside.plain.seen + outside.safe.seen]
    assert seen == [f"Bearer {HOLDER}"] * 3


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_secret_goes_only_where_its_credential_says(host, session, outside, where):
    variable = Variable("TOKEN", HOLDER, SECRET, None, in_header=where == "header", in_body=where == "body")
    command = (
        f'{CURL} -H "x-token: $TOKEN" -d "$TOKEN" -H content-type:text/plain https://localhost:{outside.safe.port}'
    )
    host.bash(command, session, network=Network(None, (variable,)))
    ((_, _, headers, body),) = outside.safe.seen
    assert headers["x-token"] == (SECRET if where == "header" else HOLDER)
    assert body.decode() == (SECRET if where == "body" else HOLDER)


def test_a_long_body_is_rewritten_as_it_passes(host, session, outside):
    make = "(head -c 3000000 /dev/zero | tr '\\0' x; printf %s \"$TOKEN\"; printf tail) > long"
    command = f"{make}; {CURL} -T long https://localhost:{outside.safe.port}/ -X POST"
    host.bash(command, session, network=Network(None, (TOKEN,)))
    ((_, _, _, body),) = outside.safe.seen
    assert body == b"x" * 3_000_000 + f"{SECRET}tail".encode()


def test_an_answer_in_which_a_secret_could_hide_is_not_passed_on(host, session, outside):
    command = f'{CURL} -H "authorization: $TOKEN" --compressed https://localhost:{outside.safe.port}/compressed'
    told = host.bash(command, session, network=Network(None, (TOKEN,)))
    assert "compressed answer that nobody asked for" in told.text
    assert outside.safe.seen[0][2]["accept-encoding"] == "identity"


def test_a_server_that_cannot_prove_its_name_gets_no_secret(host, session, outside):
    command = f'{CURL} -H "authorization: $TOKEN" https://localhost:{outside.stranger.port}/'
    told = host.bash(command, session, network=Network(None, (TOKEN,)))
    assert "certificate of the host could not be verified" in told.text
    assert outside.stranger.seen == []


def test_a_request_in_a_tunnel_names_no_other_host(host, session, outside):
    command = f'{CURL} -H "host: elsewhere.example" -H "x: $TOKEN" https://localhost:{outside.safe.port}/'
    host.bash(command, session, network=Network(None, (TOKEN,)))
    assert outside.safe.seen[0][2]["host"] == f"localhost:{outside.safe.port}"


def test_a_new_secret_reaches_an_open_box_and_a_withdrawn_one_is_gone(host, session, outside):
    command = f'{CURL} -H "x-token: $TOKEN" https://localhost:{outside.safe.port}/'
    fresh = Variable("TOKEN", HOLDER, "a-fresh-one", ("localhost",))
    host.bash(command, session, network=Network(None, (TOKEN,)))
    host.bash(command, session, network=Network(None, (fresh,)))
    host.bash(f"{CURL} -k -H 'x-token: {HOLDER}' https://localhost:{outside.safe.port}/", session, network=Network())
    assert [headers["x-token"] for _, _, headers, _ in outside.safe.seen] == [SECRET, "a-fresh-one", HOLDER]


def test_languages_trust_the_proxy_without_being_told(host, session, outside):
    script = (
        "import os, urllib.request as u; "
        "o = u.build_opener(u.ProxyHandler({'https': os.environ['HTTPS_PROXY']}), u.HTTPSHandler()); "
        f"print(o.open('https://localhost:{outside.safe.port}/').status)"
    )
    assert (
        host.bash(f'NO_PROXY= no_proxy= python3 -c "{script}"', session, network=Network(None, (TOKEN,))).text == "200"
    )


UPGRADE = """
import socket, sys
with socket.create_connection(("127.0.0.1", 3128), timeout=60) as line:
    head = f"GET http://localhost:{sys.argv[1]}/ HTTP/1.1\\r\\nhost: x\\r\\n"
    line.sendall(f"{head}connection: upgrade\\r\\nupgrade: websocket\\r\\n\\r\\n".encode())
    answer = line.makefile("rb")
    print(answer.readline().decode().split()[1])
    while answer.readline().strip():
        pass
    line.sendall(b"hello")
    print(answer.read(5).decode())
"""


def test_a_web_socket_is_passed_on(host, session, outside):
    host.client.put_files(session, {"/workspace/upgrade.py": UPGRADE.encode()})
    told = host.bash(f"python3 upgrade.py {outside.plain.port}", session, network=Network())
    assert told.text == "101\nHELLO"


HOSTILE = """
import os, socket, time
held = [socket.create_connection(("127.0.0.1", 3128)) for _ in range(64)]
more = socket.create_connection(("127.0.0.1", 3128))
print(more.makefile("rb").readline().decode().split()[1])
endless = b"GET / HTTP/1.1\\r\\n" + b"a: b\\r\\n" * 90000
for client, data in zip(held, [b"", b"\\x16\\x03\\x01", os.urandom(4000), endless]):
    try:
        client.sendall(data)
    except OSError:
        pass
for client in held:
    client.close()
"""


def test_hostile_clients_of_one_box_are_bounded_and_harm_nobody(host, session, outside):
    network = Network()
    host.client.put_files(session, {"/workspace/hostile.py": HOSTILE.encode()})
    command = f"{CURL} -o /dev/null -w '%{{http_code}}' http://localhost:{outside.plain.port}/"
    host.bash("true", "sesn_neighbour", network=network)
    assert host.bash("python3 hostile.py", session, network=network).text == "503"
    assert host.bash(command, "sesn_neighbour", network=network).text == "200"
    assert eventually(lambda: host.bash(command, session, network=network).text == "200", PATIENCE)
    assert len(proxies(host)) == 1
    host.client.destroy("sesn_neighbour")


def test_a_proxy_that_was_killed_is_back_for_the_next_connection(host, session, outside):
    network = Network()
    command = f"{CURL} -o /dev/null -w '%{{http_code}}' http://localhost:{outside.plain.port}/"
    assert host.bash(command, session, network=network).text == "200"
    (proxy,) = proxies(host)
    proxy.kill()
    psutil.wait_procs([proxy], timeout=PATIENCE)
    assert eventually(lambda: host.bash(command, session, network=network).text == "200", PATIENCE)


def test_the_proxy_starts_when_it_is_needed_and_ends_with_its_host(outside):
    with running_networked_host(outside) as host:
        host.bash("true", network=Network())
        assert proxies(host) == []
        told = host.bash(f"{CURL} http://localhost:{outside.plain.port}/", network=Network())
        assert "headers" in told.text
        (proxy,) = proxies(host)
        host.kill()
        gone, alive = psutil.wait_procs([proxy], timeout=PATIENCE)
        assert (gone, alive) == ([proxy], [])
        host.start()
        assert (
            "headers" in host.bash(f"{CURL} http://localhost:{outside.plain.port}/", "sesn_2", network=Network()).text
        )
