"""Whose a request is: told by what earlier answers said of its key or sign-in, else by where it comes from."""

import pytest

from agents.callers import CALLER
from config.callers import KNOWN_MAX, Callers

API, PAGE = "/v1/agents", "/agents/"


def environ(path=PAGE, *, address="192.0.2.7", caller=None, **headers):
    sent = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    answered = {CALLER: caller} if caller else {}
    return {"PATH_INFO": path, "REMOTE_ADDR": address, **sent, **answered}


def test_who_proved_nothing_is_known_by_address_whatever_it_makes_up():
    callers = Callers()
    for number in range(3):
        for asked in (environ(cookie=f"sessionid=made-up-{number}"), environ(API, x_api_key=f"lucid_{number}")):
            callers.learn(asked)
            assert callers.caller_of(asked) == "192.0.2.7"
    assert callers.known == {}


def test_one_person_with_many_sign_ins_is_one_caller():
    callers = Callers()
    for cookie in ("sessionid=one", "sessionid=two"):
        callers.learn(environ(cookie=cookie, caller="user 1"))
        assert callers.caller_of(environ(address="198.51.100.1", cookie=cookie)) == "user 1"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer key"},
        {"authorization": "bearer   key "},
        {"x_api_key": "key"},
        {"x_api_key": "key", "cookie": "sessionid=made-up"},
    ],
)
def test_a_key_is_one_caller_however_it_is_sent(headers):
    callers = Callers()
    callers.learn(environ(API, x_api_key="key", caller="apikey_1"))
    callers.learn(environ(API, **headers, caller="apikey_1"))
    assert callers.caller_of(environ(API, **headers)) == "apikey_1"
    assert len(callers.known) == 1


@pytest.mark.parametrize("cookie", ["sessionid=one; theme=dark", 'theme=dark; sessionid="one"', "sessionid=one"])
def test_a_sign_in_is_one_caller_beside_any_other_cookie(cookie):
    callers = Callers()
    callers.learn(environ(cookie="sessionid=one", caller="user 1"))
    assert callers.caller_of(environ(cookie=cookie)) == "user 1"


def test_a_key_is_no_proof_for_a_page_nor_a_cookie_for_the_api():
    callers = Callers()
    callers.learn(environ(API, x_api_key="key", caller="apikey_1"))
    callers.learn(environ(cookie="sessionid=one", caller="user 1"))
    assert callers.caller_of(environ(PAGE, x_api_key="key")) == "192.0.2.7"
    assert callers.caller_of(environ(API, cookie="sessionid=one")) == "192.0.2.7"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.8", False),
        ("192.0.2.7", "192.0.2.8", False),
        ("no:address", "no:address", True),
    ],
)
def test_a_network_of_ipv6_is_one_caller(one, other, is_same):
    callers = Callers()
    assert (callers.caller_of(environ(address=one)) == callers.caller_of(environ(address=other))) is is_same


def test_no_more_than_a_bounded_number_is_remembered():
    callers = Callers()
    for number in range(KNOWN_MAX + 10):
        callers.learn(environ(cookie=f"sessionid={number}", caller=f"user {number}"))
    assert len(callers.known) == KNOWN_MAX
    assert callers.caller_of(environ(cookie="sessionid=9")) == "192.0.2.7"
    assert callers.caller_of(environ(cookie="sessionid=10")) == "user 10"


def test_an_answer_tells_who_proved_it(as_alice, alice, api_key):
    key = {"authorization": f"Bearer {api_key}", "anthropic-version": "2026-10-21"}
    by_page, by_key = as_alice.get("/agents/"), as_alice.get("/v1/costs", headers=key)
    assert by_page.wsgi_request.META[CALLER] == f"user {alice.user_id}"
    assert by_key.wsgi_request.META[CALLER].startswith("apikey_")


@pytest.mark.parametrize("path", ["/login/", "/agents/", "/v1/costs"])
def test_an_answer_to_a_stranger_tells_nobody(client, db, path):
    client.cookies["sessionid"] = "made0up"
    answer = client.get(path, headers={"authorization": "Bearer made-up", CALLER.replace(".", "-"): "user 1"})
    assert CALLER not in answer.wsgi_request.META
