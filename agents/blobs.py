"""Stored bytes under keys of our own: put, open and let go of, wherever Django's storage keeps them.

A key is written down as unused before its bytes are stored, taken off that list in the transaction that makes a row
name it, and put on it again in the one that takes such a row away. So whatever dies in between, the sweep finds it.
"""

import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import IO

from django.conf import settings
from django.core.files import File as StoredFile
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.utils import timezone

from agents import queue
from agents.exceptions import Unavailable
from agents.models import File, SkillVersion, UnusedBlob

SWEEP_BLOBS = "agents.jobs.sweep_blobs"
STORING_TIME = timedelta(days=1)  # what nobody names so long after it was begun was left by a crash
TRIED_AGAIN_AFTER = timedelta(hours=1)
SWEPT_AT_ONCE = 200

logger = logging.getLogger(__name__)


def put(file: IO[bytes]) -> str:
    """Store the bytes and return their key. Call it outside of a transaction, and `keep` in the one that names it."""
    token = secrets.token_hex(16)
    key = f"{token[:2]}/{token}"
    UnusedBlob.objects.create(storage_key=key, due_at=timezone.now() + STORING_TIME)
    try:
        return _storage().save(key, StoredFile(file))
    except OSError as error:
        raise Unavailable(f"The file cannot be stored: {error.strerror or error}.")


def keep(key: str) -> None:
    """A row names these bytes from this transaction on."""
    UnusedBlob.objects.filter(storage_key=key).delete()


def open_blob(key: str) -> IO[bytes]:
    """The bytes, to be read in chunks and closed."""
    try:
        return _storage().open(key)
    except OSError as error:
        raise Unavailable(f"The stored file cannot be read: {error.strerror or error}.")


@contextmanager
def on_this_disk(key: str) -> Iterator[str]:
    """A path where the bytes can be read while the block lasts; a copy of them where they are stored elsewhere."""
    storage = _storage()
    if isinstance(storage, FileSystemStorage):
        yield storage.path(key)
        return
    with open_blob(key) as file, tempfile.NamedTemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
        shutil.copyfileobj(file, copy)
        copy.flush()
        yield copy.name


def let_go(keys: Iterable[str]) -> None:
    """Rows that named these bytes go in this transaction: delete them after it, unless other rows name them."""
    now = timezone.now()
    UnusedBlob.objects.bulk_create(UnusedBlob(storage_key=key, due_at=now) for key in sorted(set(keys)))
    queue.enqueue(SWEEP_BLOBS, queue="batch")


def sweep() -> int:
    """Delete what is due and unnamed; returns how much that was."""
    gone, now = 0, timezone.now()
    for row in UnusedBlob.objects.filter(due_at__lte=now).order_by("due_at")[:SWEPT_AT_ONCE]:
        try:
            if not _is_named(row.storage_key):
                _storage().delete(row.storage_key)
                gone += 1
        except Exception:  # every storage has errors of its own
            logger.exception("The stored file %s cannot be deleted; it is tried again.", row.storage_key)
            UnusedBlob.objects.filter(pk=row.pk).update(due_at=now + TRIED_AGAIN_AFTER)
            continue
        row.delete()
    return gone


def clear_uploads() -> None:
    """Files that a form's upload left in the folder where uploads arrive, because its process was killed."""
    old = time.time() - STORING_TIME.total_seconds()
    for entry in os.scandir(settings.FILE_UPLOAD_TEMP_DIR):
        with suppress(OSError):
            if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < old:
                os.unlink(entry.path)


def _is_named(key: str) -> bool:
    return any(table.objects.filter(storage_key=key).exists() for table in (File, SkillVersion))


def _storage() -> Storage:
    return storages["blobs"]
