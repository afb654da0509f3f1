"""Readers of environment variables: a bad value stops the start with its name and what is allowed."""

import hashlib
import os
import re
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from agents.sandbox.egress.policy import openings

BOOLEANS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
# A unix socket's address holds 108 bytes on Linux and 104 on macOS, the closing zero included.
SOCKET_PATH_MAX_BYTES = 100
KEY_MIN_LENGTH = 32
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA mmap_size=134217728;"
    "PRAGMA journal_size_limit=27103364;PRAGMA cache_size=2000;"
)
S3_OPTIONS = {"endpoint": "endpoint_url", "region": "region_name"}  # keys come from where every S3 client looks
# Nothing public, nothing overwritten; a file that is read lies on disk beyond the first megabyte.
S3_FIXED = {"default_acl": None, "file_overwrite": False, "querystring_auth": True, "max_memory_size": 1024 * 1024}
POSTGRES_SCHEMES = ("postgres", "postgresql")
# The server plans a statement anew each time unless it is prepared, for which values must travel on their own: planning
# was a sixth of a turn's time. A pooler that hands each transaction another connection needs `?server_side_binding=0`.
POSTGRES_OPTIONS = {"pool": {"min_size": 1, "max_size": 20}, "server_side_binding": True, "prepare_threshold": 3}
# Compiling a plan pays for reports of seconds. With 100,000 threads it took 300 ms of a statement's 2, at each wake-up.
POSTGRES_STARTUP = "-c jit=off"


def env_str(name: str, default: str = "", *, choices: Sequence[str] = ()) -> str:
    value = os.environ.get(name, default)
    if choices and value not in choices:
        raise ImproperlyConfigured(f"{name}={value!r} is not allowed: use one of {', '.join(choices)}")
    return value


def env_int(name: str, default: int, *, minimum: int, maximum: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.strip().isdecimal() or not minimum <= int(text) <= maximum:
        raise ImproperlyConfigured(f"{name}={text!r} is not allowed: use a whole number from {minimum} to {maximum}")
    return int(text)


def env_bool(name: str, default: bool) -> bool:
    text = os.environ.get(name, "1" if default else "0").strip().lower()
    if text not in BOOLEANS:
        raise ImproperlyConfigured(f"{name}={text!r} is not allowed: use one of {', '.join(BOOLEANS)}")
    return BOOLEANS[text]


def env_list(name: str, default: str) -> list[str]:
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


def env_sizes(name: str, *, minimum: int) -> dict[str, int]:
    """`model=32000, other=8000`: whole numbers by name."""
    sizes = {}
    for item in env_list(name, ""):
        key, _, text = item.rpartition("=")
        if not key.strip() or not text.strip().isdecimal() or int(text) < minimum:
            raise ImproperlyConfigured(
                f"{name}: {item!r} is not allowed: use NAME=NUMBER, parted by commas, each of at least {minimum}"
            )
        sizes[key.strip()] = int(text)
    return sizes


def env_addresses(name: str) -> list[str]:
    entries = env_list(name, "")
    try:
        openings(entries)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is not allowed: {error}") from error
    return entries


def env_url(name: str, default: str, *, schemes: Sequence[str]) -> str:
    value = os.environ.get(name, default)
    if value and not _is_url(value, schemes):
        raise ImproperlyConfigured(
            f"{name}={_shown(value)!r} is not allowed: use a URL that starts with {_starts(schemes)}"
        )
    return value


def _is_url(value: str, schemes: Sequence[str]) -> bool:
    try:
        return urlsplit(value).scheme in schemes and "://" in value
    except ValueError:  # half an IPv6 address
        return False


def data_folder(name: str, default: Path) -> Path:
    """The folder named by the variable, made when it is missing, private to its owner."""
    folder = Path(os.environ.get(name) or default).expanduser().resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name}={str(folder)!r} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ImproperlyConfigured(f"{name}={str(folder)!r} cannot be written by this user: name a folder that can")
    return folder


def env_secret(name: str, kept_in: Path) -> str:
    """The secret in the variable, or in the file that <NAME>_FILE names, or else one made once and kept."""
    if value := os.environ.get(name):
        return value
    if source := os.environ.get(f"{name}_FILE"):
        return _read_secret(f"{name}_FILE", Path(source))
    if not kept_in.exists():
        _keep_secret(kept_in)
    return _read_secret(name, kept_in)


def env_keys(name: str, kept_in: Path) -> list[str]:
    """Keys parted by commas or lines, read like `env_secret`; an error tells a key's place, never the key."""
    keys = [key.strip() for key in env_secret(name, kept_in).replace("\n", ",").split(",") if key.strip()]
    short = next((place for place, key in enumerate(keys, start=1) if len(key) < KEY_MIN_LENGTH), None)
    if short or not keys:
        raise ImproperlyConfigured(
            f"{name}: key {short or 1} is too short: use keys of at least {KEY_MIN_LENGTH} characters, parted by commas"
        )
    return keys


def _read_secret(name: str, path: Path) -> str:
    try:
        value = path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}: {path} cannot be read: {error.strerror}") from error
    if not value:
        raise ImproperlyConfigured(f"{name}: {path} is empty")
    return value


def _keep_secret(path: Path) -> None:
    # Two processes may start at once: each writes a draft, one link wins, both read the winner.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        draft.touch(mode=0o600)
        draft.write_text(get_random_secret_key())
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError as error:
        raise ImproperlyConfigured(f"{path} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def socket_path(folder: Path, name: str) -> Path:
    """Where a unix socket of this data folder lies: inside it, unless that path is too long for a socket."""
    path = folder / name
    if len(os.fsencode(path)) <= SOCKET_PATH_MAX_BYTES:
        return path
    short = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    home = Path(tempfile.gettempdir()) / f"lucid-{os.getuid()}-{short}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid != os.getuid() or home.stat().st_mode & 0o077:
        raise ImproperlyConfigured(f"{home} belongs to somebody else: use a shorter LUCID_DATA_DIR")
    return home / name


def redis_url(name: str, socket: Path) -> str:
    """The Redis address; redis-py would raise above 100 connections, and every worker slot holds one."""
    url = env_url(name, f"unix://{socket}", schemes=("redis", "rediss", "unix"))
    if "max_connections=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}max_connections=1000"


def database(name: str, sqlite_file: Path) -> dict[str, Any]:
    """Django's DATABASES entry for the URL in the variable; SQLite in the data folder without one."""
    url = env_url(name, "", schemes=("sqlite", *POSTGRES_SCHEMES))
    parts = urlsplit(url)
    if parts.scheme in POSTGRES_SCHEMES:
        return _postgres(name, url)
    # sqlite:////absolute/path and sqlite:///relative/path, as other tools write it
    return _sqlite(unquote(parts.path[1:]) or str(sqlite_file))


def blob_storage(name: str, folder: Path) -> dict[str, Any]:
    """Django's STORAGES entry for the URL in the variable: an S3-compatible bucket, or the folder without one."""
    url = env_url(name, "", schemes=("s3",))
    if not url:
        options: dict[str, Any] = {
            "location": folder,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        }
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    if find_spec("storages") is None or find_spec("boto3") is None:
        raise ImproperlyConfigured(
            f"{name}={_shown(url)!r} needs the extra s3: install lucid[s3], or `uv sync --extra s3`"
        )
    parts, query = urlsplit(url), dict(parse_qsl(urlsplit(url).query))
    if not parts.hostname or not set(query) <= set(S3_OPTIONS):
        raise ImproperlyConfigured(
            f"{name}={_shown(url)!r} is not allowed: use s3://BUCKET/FOLDER with the options {', '.join(S3_OPTIONS)}"
        )
    named = {S3_OPTIONS[key]: value for key, value in query.items()}
    options = {"bucket_name": parts.hostname, "location": parts.path.strip("/"), **named, **S3_FIXED}
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


def _sqlite(path: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": None,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": SQLITE_PRAGMAS},
    }


def _postgres(name: str, url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    database_name = unquote(parts.path.lstrip("/"))
    if not database_name:
        raise ImproperlyConfigured(f"{name} names no database: use postgres://user:password@host:port/database")
    try:
        port = parts.port
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: the port must be a number from 0 to 65535") from error
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database_name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(port or ""),
        "CONN_MAX_AGE": 0,
        "OPTIONS": _options(name, parts.query),
    }


def _options(name: str, query: str) -> dict[str, Any]:
    """Ours, and those of an address. What is switched off by 0 is a number; a password stays the text that it is."""
    options: dict[str, Any] = dict(parse_qsl(query))
    for option in POSTGRES_OPTIONS.keys() & options.keys():
        if not options[option].isdecimal():
            raise ImproperlyConfigured(f"{name}: {option}={options[option]!r} is not allowed: use a whole number")
        options[option] = int(options[option])
    startup = f"{POSTGRES_STARTUP} {options.get('options', '')}".rstrip()  # of two sayings the later one counts
    return {**POSTGRES_OPTIONS, **options, "options": startup}


def _shown(url: str) -> str:
    """Without what may be a secret: errors end up in logs."""
    return re.sub(r"://.*@", "://…@", url.partition("?")[0])


def _starts(schemes: Sequence[str]) -> str:
    return " or ".join(f"{scheme}://" for scheme in schemes)
