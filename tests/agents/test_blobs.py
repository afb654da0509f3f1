"""Stored bytes: kept while a row names them, gone afterwards, and never left behind by a crash."""

import io
import os
import time
from datetime import timedelta

import pytest
import time_machine
from django.core.files.storage import storages
from django.utils import timezone

from agents import blobs
from agents.models import File, UnusedBlob

pytestmark = pytest.mark.django_db


def put(data=b"bytes"):
    return blobs.put(io.BytesIO(data))


def name(workspace, key):
    blobs.keep(key)
    columns = {"filename": "a", "mime_type": "text/plain", "size_bytes": 5, "sha256": "x"}
    return File.objects.create(workspace=workspace, storage_key=key, **columns)


def is_stored(key):
    return storages["blobs"].exists(key)


def test_bytes_are_read_back_by_nobody_else():
    key = put()
    with blobs.open_blob(key) as file:
        assert file.read() == b"bytes"
    path = storages["blobs"].path(key)
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700


def test_what_a_crash_left_unnamed_is_swept_a_day_later(workspace):
    left, named = put(), put()
    name(workspace, named)
    blobs.sweep()
    assert is_stored(left)
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert blobs.sweep() == 1
    assert not is_stored(left)
    assert is_stored(named)
    assert not UnusedBlob.objects.exists()


def test_shared_bytes_go_with_the_last_row_that_names_them(workspace):
    key = put()
    first, second = name(workspace, key), name(workspace, key)
    for row, remains in ((first, True), (second, False)):
        row.delete()
        blobs.let_go([key])
        blobs.sweep()
        assert is_stored(key) is remains


def test_bytes_that_are_gone_already_end_the_sweep_of_them():
    key = put()
    storages["blobs"].delete(key)
    blobs.let_go([key])
    blobs.sweep()
    assert not UnusedBlob.objects.filter(due_at__lte=timezone.now()).exists()


def test_what_a_killed_upload_left_is_cleared_a_day_later(settings, tmp_path):
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    for name, age in (("old", 2 * 86_400), ("new", 60)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    blobs.clear_uploads()
    assert os.listdir(tmp_path) == ["new"]
