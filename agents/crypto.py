"""API keys as text: how one is made, checked without the database, and turned into the digest that is kept."""

import secrets
import zlib

from django.utils.crypto import salted_hmac

KEY_PREFIX = "lucid_"
SHOWN_LENGTH = 12  # what lists show of a key, prefix included; the other characters carry all its secrecy

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_SECRET_LENGTH = 44  # base58 digits: 257 bits
_CHECKSUM_LENGTH = 6  # base58 digits that hold a CRC-32


def new_key() -> str:
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    return f"{KEY_PREFIX}{secret}{_checksum(secret)}"


def is_well_formed(key: str) -> bool:
    """Whether the checksum fits: a mistyped or cut-off key is refused without a query."""
    secret, checksum = key[len(KEY_PREFIX) : -_CHECKSUM_LENGTH], key[-_CHECKSUM_LENGTH:]
    return key.startswith(KEY_PREFIX) and len(secret) == _SECRET_LENGTH and checksum == _checksum(secret)


def key_digest(key: str) -> str:
    return salted_hmac("agents.api_key", key, algorithm="sha256").hexdigest()


def shown_prefix(key: str) -> str:
    return key[:SHOWN_LENGTH]


def _checksum(secret: str) -> str:
    number, digits = zlib.crc32(secret.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits += _ALPHABET[digit]
    return digits
