"""Sealed texts: what opens them, what does not, and what an error tells."""

import pytest

from agents.crypto import is_sealed_with_newest_key, seal, unseal
from agents.exceptions import SecretUnreadable

SECRET = "hunter2-hunter2"
OLD, NEW = "old-sealing-key-0123456789-0123456789", "new-sealing-key-0123456789-0123456789"


def test_a_sealed_text_opens_for_its_purpose_and_shows_nothing():
    sealed = seal(SECRET, purpose="a.b:1")
    assert unseal(sealed, purpose="a.b:1") == SECRET
    assert SECRET not in sealed
    assert seal(SECRET, purpose="a.b:1") != sealed


@pytest.mark.parametrize("text", ["", "ä€😀", "x" * 100_000])
def test_any_text_is_sealed(text):
    assert unseal(seal(text, purpose="p"), purpose="p") == text


def test_a_sealed_text_does_not_open_elsewhere():
    sealed = seal(SECRET, purpose="a.b:1")
    with pytest.raises(SecretUnreadable, match=r"a\.b:2"):
        unseal(sealed, purpose="a.b:2")


def test_an_old_key_still_opens_and_the_newest_seals(settings):
    settings.LUCID_SEALING_KEYS = [OLD]
    sealed = seal(SECRET, purpose="p")
    settings.LUCID_SEALING_KEYS = [NEW, OLD]
    assert unseal(sealed, purpose="p") == SECRET
    assert not is_sealed_with_newest_key(sealed)
    again = seal(SECRET, purpose="p")
    assert is_sealed_with_newest_key(again)
    settings.LUCID_SEALING_KEYS = [NEW]
    assert unseal(again, purpose="p") == SECRET
    with pytest.raises(SecretUnreadable, match="LUCID_SEALING_KEYS"):
        unseal(sealed, purpose="p")


def tampered(sealed):
    """The text with each of its characters replaced in turn."""
    for place, character in enumerate(sealed):
        yield sealed[:place] + ("A" if character != "A" else "B") + sealed[place + 1 :]


def test_no_character_of_a_sealed_text_can_be_changed():
    sealed = seal(SECRET, purpose="p")
    for changed in [*tampered(sealed), "", "plain", sealed[:-4], sealed + "AAAA", "s1..", "s1.x"]:
        with pytest.raises(SecretUnreadable) as refusal:
            unseal(changed, purpose="p")
        assert changed[16:] not in refusal.value.message or not changed[16:]
        assert refusal.value.__cause__ is None
