"""Guessing passwords is slowed down; signing in is not."""

import pytest
from django.core.cache import cache
from django.test import Client

from agents.limits import SIGN_IN_FAILURES_MAX
from tests.conftest import PASSWORD


@pytest.fixture(autouse=True)
def _nobody_guessed():
    cache.clear()
    yield
    cache.clear()


def sign_in(address, name, password, **extra):
    return Client().post(address, {"username": name, "password": password}, **extra)


@pytest.mark.parametrize("address", ["/login/", "/admin/login/"])
def test_after_many_wrong_passwords_even_the_right_one_has_to_wait(alice, bob, address):
    for number in range(SIGN_IN_FAILURES_MAX):
        assert "Too many" not in sign_in(address, "alice", f"guess {number}").content.decode()
    assert "Too many" in sign_in(address, "alice", PASSWORD).content.decode()
    assert sign_in("/login/", "bob", PASSWORD).status_code == 302
    assert sign_in("/login/", "alice", PASSWORD, REMOTE_ADDR="10.1.1.1").status_code == 302
