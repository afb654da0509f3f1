"""PURE: characters that a reader does not see, or takes for others."""

import re
import unicodedata

# Scripts in which joiners are part of ordinary spelling.
_JOINED_SCRIPTS = ("ARABIC", "DEVANAGARI", "BENGALI", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "GUJARATI")
_MIXABLE = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁԛԝһкмтвнАВЕКМНОРСТУХІЈЅαοενρτυικΑΒΕΖΗΙΚΜΝΟΡΤΥΧɑɡıℓօ",
    "aeopcyxijsdqwhkmtbhABEKMHOPCTYXIJSaoevptuikABEZHIKMNOPTYXagilo",
)


def hidden_characters(text: str) -> list[str]:
    """The code points that a reader cannot see, as `U+200B`; joiners inside emoji and some scripts are ordinary."""
    found = [f"U+{ord(c):04X}" for i, c in enumerate(text) if _is_hidden(text, i)]
    return list(dict.fromkeys(found))


def _is_hidden(text: str, i: int) -> bool:
    char = text[i]
    category = unicodedata.category(char)
    if category in ("Cc", "Zl", "Zp", "Co", "Cn", "Cs"):
        return char not in "\n\t"
    if category == "Cf":
        return not (char in "\u200d\u200c" and _may_join(text[i - 1 : i] + text[i + 1 : i + 2]))
    if "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef" or "\u180b" <= char <= "\u180f":
        return not (
            i > 0 and (unicodedata.category(text[i - 1]) in ("So", "Sk", "Sm") or text[i - 1] in "0123456789#*")
        )
    # Fillers that count as letters and show as nothing.
    return char in "\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5"


def _may_join(around: str) -> bool:
    return len(around) == 2 and all(
        unicodedata.category(c) in ("So", "Sk", "Mn") or unicodedata.name(c, "").startswith(_JOINED_SCRIPTS)
        for c in around
    )


def is_normal(text: str) -> bool:
    return unicodedata.is_normalized("NFC", text)


def mixed_script_words(text: str) -> list[str]:
    """Words that mix alphabets whose letters look alike."""
    return [word for word in dict.fromkeys(re.findall(r"\w{2,}", text)) if len(_scripts(word)) > 1]


def _scripts(word: str) -> set[str]:
    scripts = {unicodedata.name(c, "").split(" ")[0] for c in word if c.isalpha()} & set(_MIXABLE)
    # IPA letters are called Latin, and stand in for Latin ones all the same.
    return scripts | ({"IPA"} if any("ɐ" <= c <= "ʯ" for c in word) and "LATIN" in scripts else set())


def skeleton(text: str) -> str:
    """The text as it looks: lookalikes as the Latin letters they stand for, invisible characters gone."""
    visible = "".join(c for i, c in enumerate(text) if not _is_hidden(text, i))
    return unicodedata.normalize("NFKC", visible).translate(_LOOKALIKES).casefold()
