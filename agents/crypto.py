"""Secrets as text: API keys, made, checked without the database and kept as a digest; and secrets that must be read
again, which are kept sealed: encrypted, and bound to the one place in the database that they belong to."""

import base64
import binascii
import secrets
import zlib
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db.models import Model
from django.utils.crypto import salted_hmac

from agents.exceptions import SecretUnreadable

KEY_PREFIX = "lucid_"
ENVIRONMENT_KEY_PREFIX = "sk-ant-oat01-"  # wire contract
WORK_PREFIX = "lucid_work_"  # of the secret that comes with a work item
SHOWN_LENGTH = 6  # what lists show of a key after its prefix; the other characters carry all its secrecy

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_SECRET_LENGTH = 44  # base58 digits: 257 bits
_CHECKSUM_LENGTH = 6  # base58 digits that hold a CRC-32


def new_key(prefix: str = KEY_PREFIX) -> str:
    """A secret that nobody can guess, with a checksum against mistyping. Its text is to be kept nowhere."""
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    return f"{prefix}{secret}{_checksum(secret)}"


def is_well_formed(key: str, prefix: str = KEY_PREFIX) -> bool:
    """Whether the checksum fits: a mistyped or cut-off key is refused without a query."""
    secret, checksum = key[len(prefix) : -_CHECKSUM_LENGTH], key[-_CHECKSUM_LENGTH:]
    return key.startswith(prefix) and len(secret) == _SECRET_LENGTH and checksum == _checksum(secret)


def key_digest(key: str) -> str:
    """What is stored of a key, and what it is found by."""
    return salted_hmac("agents.api_key", key, algorithm="sha256").hexdigest()


def shown_prefix(key: str, prefix: str = KEY_PREFIX) -> str:
    """As much of a key as people need to tell it from others."""
    return key[: len(prefix) + SHOWN_LENGTH]


def _checksum(secret: str) -> str:
    number, digits = zlib.crc32(secret.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits += _ALPHABET[digit]
    return digits


def placeholder(session_id: str, credential_id: str) -> str:
    """What stands for a credential's secret in that session's sandbox: always the same, and worth nothing elsewhere."""
    digest = salted_hmac("agents.placeholder", f"{session_id}:{credential_id}", algorithm="sha256").hexdigest()
    return f"lucid_secret_{digest[:40]}"


SEAL_FORMAT = "s1"  # a sealed text is format.key id.nonce and ciphertext
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _SealingKey:
    id: str
    cipher: AESGCM = field(repr=False)


def purpose_of(row: Model, column: str) -> str:
    """The purpose of what is sealed in this row's column: moved to another row or column, it does not open."""
    return f"{row._meta.label_lower}.{column}:{row.pk}"


def seal(plain: str, *, purpose: str) -> str:
    """The text under the newest sealing key; only `unseal` with the same purpose reads it."""
    key = _sealing_keys()[0]
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = nonce + key.cipher.encrypt(nonce, plain.encode(), _bound_to(key.id, purpose))
    return f"{SEAL_FORMAT}.{key.id}.{base64.urlsafe_b64encode(sealed).decode()}"


def unseal(sealed: str, *, purpose: str) -> str:
    """The plain text again; `SecretUnreadable` names the purpose and nothing of the text."""
    key_id, data = _parted(sealed)
    key = next((key for key in _sealing_keys() if key.id == key_id), None)
    if key is None:
        raise SecretUnreadable(f"A stored secret ({purpose}) was sealed with a key that LUCID_SEALING_KEYS lacks.")
    try:
        plain = key.cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _bound_to(key.id, purpose))
    except (InvalidTag, ValueError):
        raise SecretUnreadable(f"A stored secret ({purpose}) was changed since it was sealed.") from None
    return plain.decode()


def is_sealed_with_newest_key(sealed: str) -> bool:
    """Whether this text needs none of the older keys."""
    return _parted(sealed)[0] == _sealing_keys()[0].id


def _parted(sealed: str) -> tuple[str, bytes]:
    """The key's id, and nonce with ciphertext; both empty when it is no sealed text at all."""
    form, _, rest = sealed.partition(".")
    key_id, _, encoded = rest.partition(".")
    try:
        data = base64.urlsafe_b64decode(encoded)
    except (ValueError, binascii.Error):
        return "", b""
    is_ours = form == SEAL_FORMAT and base64.urlsafe_b64encode(data).decode() == encoded
    return (key_id, data) if is_ours else ("", b"")


def _bound_to(key_id: str, purpose: str) -> bytes:
    return f"{SEAL_FORMAT}.{key_id}.{purpose}".encode()


def _sealing_keys() -> tuple[_SealingKey, ...]:
    return tuple(_derived(secret) for secret in settings.LUCID_SEALING_KEYS)


@lru_cache(maxsize=32)
def _derived(secret: str) -> _SealingKey:
    def derive(length: int, info: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret.encode())

    cipher = AESGCM(derive(32, b"lucid sealed texts, key"))
    return _SealingKey(id=derive(6, b"lucid sealed texts, key id").hex(), cipher=cipher)
