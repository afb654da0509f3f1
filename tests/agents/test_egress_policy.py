"""What the proxy of sandboxes decides and rewrites: tables of input and output."""

from ipaddress import ip_address

import pytest

from agents.addresses import is_public
from agents.environment_config import REGISTRIES, reachable_hosts, resolve_config
from agents.sandbox.base import Variable
from agents.sandbox.egress.policy import Refused, Target, check, exemption, openings, target_of
from agents.sandbox.egress.substitution import Rewriter, Substitution, applicable

SECRET, HOLDER = "s3cret value", "lucid_secret_1"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
        *("::", "::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff0e::1", "::ffff:10.0.0.1", "::ffff:0:10.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b:1::a00:1", "64:ff9b::a83f:8110", "2002:7f00:1::", "2001:0:a00:1::f5ff:fffe"),
    ],
)
def test_no_spelling_of_an_address_that_tells_secrets_or_leads_inside_is_public(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("Example.COM:443", Target("example.com", 443)),
        ("example.com.:80", Target("example.com", 80)),
        ("[2001:DB8::1]:8443", Target("2001:db8::1", 8443)),
        ("10.0.0.1:1", Target("10.0.0.1", 1)),
        ("example.com", None),
        ("example.com:0", None),
        ("example.com:65536", None),
        ("example.com:443:443", None),
        ("me@example.com:443", None),
        ("[fe80::1%eth0]:80", None),
        ("[1.2.3.4]:80", None),
        ("exämple.com:443", None),
        ("a b:80", None),
        ("x" * 254 + ":80", None),
        (".:80", None),
        ("", None),
    ],
)
def test_a_target_is_a_host_and_a_port(text, target):
    assert target_of(text) == target


@pytest.mark.parametrize(
    ("host", "port", "hosts", "told"),
    [
        ("a.io", 443, None, ""),
        ("a.io", 443, ("a.io",), ""),
        ("x.b.io", 22, ("a.io", "*.b.io"), ""),
        ("b.io", 443, ("*.b.io",), "The host b.io is not allowed"),
        ("nota.io", 443, ("a.io",), "allowed_hosts do not name it"),
        ("a.io", 443, (), "limited networking"),
        ("a.io", 25, None, "Port 25 of a.io is not allowed"),
        ("a.io", 587, ("a.io",), "no mail"),
    ],
)
def test_an_environment_decides_by_name(host, port, hosts, told):
    if not told:
        check(Target(host, port), hosts)
        return
    with pytest.raises(Refused, match=told):
        check(Target(host, port), hosts)


@pytest.mark.parametrize(
    ("entry", "address", "port", "is_open"),
    [
        ("10.1.2.3", "10.1.2.3", 1, True),
        ("10.1.2.3:80", "10.1.2.3", 81, False),
        ("10.0.0.0/8", "10.9.9.9", 80, True),
        ("10.0.0.0/8:80", "11.0.0.1", 80, False),
        ("[fd00::1]:80", "fd00::1", 80, True),
        ("fd00::/8", "fd12::1", 443, True),
        ("fd00::/8", "10.0.0.1", 443, False),
        ("127.0.0.1:80", "::ffff:127.0.0.1", 80, False),
    ],
)
def test_an_operator_opens_addresses(entry, address, port, is_open):
    assert exemption(openings([entry]))(ip_address(address), port) is is_open


@pytest.mark.parametrize("entry", ["example.com", "10.0.0.1:99999", "10.0.0.1/8", "", "[::1", "10.0.0.1:x"])
def test_what_is_no_address_is_named(entry):
    with pytest.raises(ValueError, match="is no address such as"):
        openings([entry])


def test_an_environment_reaches_what_it_lists_its_servers_and_registries():
    def hosts(**networking):
        config = resolve_config({"type": "cloud", "networking": networking})
        return reachable_hosts(config, ["https://MCP.example:8443/x"])

    assert hosts(type="unrestricted") is None
    assert hosts(type="limited", allowed_hosts=["https://A.io", "*.b.io"]) == ("a.io", "*.b.io")
    assert hosts(type="limited", allow_mcp_servers=True) == ("mcp.example",)
    registries = hosts(type="limited", allow_package_managers=True)
    assert {"pypi.org", "files.pythonhosted.org", "registry.npmjs.org"} <= set(registries)
    assert len(registries) == sum(map(len, REGISTRIES.values()))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_a_stream_is_rewritten_wherever_it_is_cut(size):
    wanted = {b"abcd": b"1", b"abcdef": b"2", b"cdx": b"3"}
    text = b"abcd abcdef abcde abcabcd cdx abcdx abcdef"
    rewriter = Rewriter(wanted)
    pieces = [rewriter.feed(text[start : start + size]) for start in range(0, len(text), size)]
    assert (
        b"".join([*pieces, rewriter.feed(b"", is_last=True)]) == b"1 2 1e abc1 3 1x 2" == Rewriter(wanted).whole(text)
    )


def test_a_long_secret_that_repeats_itself_is_found_across_pieces():
    secret = b"ab" * 5_000 + b"c"
    text = b"ab" * 9_000 + b"c" + secret[:9_000] + secret + b"ab" * 70
    rewriter = Rewriter({secret: b"*"})
    pieces = [rewriter.feed(text[start : start + 777]) for start in range(0, len(text), 777)]
    assert (
        b"".join([*pieces, rewriter.feed(b"", is_last=True)])
        == b"ab" * 4_000 + b"*" + b"ab" * 4_500 + b"*" + b"ab" * 70
    )


def test_what_cannot_become_a_secret_is_not_held_back():
    rewriter = Rewriter({b"secret": b"x"})
    assert [rewriter.feed(each) for each in (b"data: 1\n\n", b"a sec", b"ond")] == [b"data: 1\n\n", b"a ", b"second"]


def variable(**changes):
    return Variable(**{"name": "TOKEN", "placeholder": HOLDER, "value": SECRET, **changes})


def test_a_credential_applies_to_its_own_hosts():
    limited = variable(hosts=("api.a.io", "*.b.io"))
    found = {host for host in ("api.a.io", "a.io", "x.b.io", "b.io") if applicable([limited], host)}
    assert found == {"api.a.io", "x.b.io"}
    assert applicable([variable()], "any.example")


@pytest.mark.parametrize(
    ("content_type", "made"),
    [
        (b"application/json; charset=utf-8", b'{"a": "\\u00fc\\"+ /"}'),
        (b"application/x-www-form-urlencoded", b'{"a": "%C3%BC%22%2B+%2F"}'),
        (b"text/plain", '{"a": "ü"+ /"}'.encode()),
    ],
)
def test_a_body_stays_what_its_type_says(content_type, made):
    rewriter = Substitution([variable(value='ü"+ /')]).body(content_type)
    assert rewriter.whole(f'{{"a": "{HOLDER}"}}'.encode()) == made


def test_what_servers_repeat_becomes_the_placeholder_again():
    substitution = Substitution([variable(value='top "secret"')])
    sent = substitution.headers([(b"authorization", b"Basic bWU6bHVjaWRfc2VjcmV0XzE="), (b"x", HOLDER.encode())])
    assert sent == [(b"authorization", b"Basic bWU6dG9wICJzZWNyZXQi"), (b"x", b'top "secret"')]
    said = b'top "secret" | top \\"secret\\" | top%20%22secret%22 | top+%22secret%22 | Basic bWU6dG9wICJzZWNyZXQi'
    told = substitution.answer().whole(said).decode()
    assert told == f"{HOLDER} | {HOLDER} | {HOLDER} | {HOLDER} | Basic bWU6bHVjaWRfc2VjcmV0XzE="


def test_a_secret_is_in_no_representation():
    assert SECRET not in repr(variable())
