"""Addresses and cookies that no database can be asked for."""

import pytest
from django.test import Client

from memory.services import create_store

NUL_COOKIE = '"\\000aaaaaaaaaaaa"'  # a quoted cookie may spell any character


@pytest.mark.parametrize(
    "address",
    [
        "/sessions/%00/",
        "/sessions/?after=%00",
        "/agents/?after=%00",
        "/memory/?after=%00",
        "/memory/{store}/files/%00/",
        "/memory/{store}/files/%00/history/",
        "/memory/{store}/versions/%00/",
        "/inbox/?after=1.%00",
        "/inbox/?tab=decided&after=%00",
        "/dreams/?after=%00",
        "/dreams/new/?agent=%00",
    ],
)
def test_an_address_with_u0000_is_a_page_that_is_not_found(alice, address):
    client = Client()
    client.force_login(alice.user)
    store = create_store(alice.workspace, name="Notes")
    response = client.get(address.format(store=store.pk))
    assert (response.status_code, "U+0000" in response.content.decode()) == (404, True)


def test_a_place_in_the_inbox_that_is_no_number_a_database_has_is_the_first_page(as_alice):
    assert as_alice.get(f"/inbox/?after={'9' * 5_000}.x").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/login/", "/"])
def test_a_cookie_that_is_no_session_is_a_strangers(address):
    response = Client(headers={"cookie": f"sessionid={NUL_COOKIE}"}).get(address)
    assert response.status_code == (200 if address == "/login/" else 302)
