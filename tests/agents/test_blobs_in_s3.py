"""Stored bytes in a bucket, on a server that speaks S3."""

import io
import threading
from collections.abc import Iterator

import boto3
import pytest
from django.core.files.storage import storages
from moto.server import ThreadedMotoServer

from agents import blobs
from config.env import blob_storage

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server, settings, monkeypatch, tmp_path):
    """The settings name a bucket; Django looks its storages up anew."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    made = boto3.resource("s3", endpoint_url=server, region_name="eu-west-1").Bucket("lucid")
    made.create(CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    monkeypatch.setenv("LUCID_FILES_STORAGE", f"s3://lucid/some/folder?endpoint={server}&region=eu-west-1")
    settings.STORAGES = {**settings.STORAGES, "blobs": blob_storage("LUCID_FILES_STORAGE", tmp_path)}
    yield made
    made.objects.delete()
    made.delete()


def test_bytes_are_kept_in_the_bucket_and_go_from_it(bucket):
    data = b"0123456789" * 1_000_000
    key = blobs.put(io.BytesIO(data))
    (stored,) = bucket.objects.all()
    assert (stored.key, stored.size) == (f"some/folder/{key}", len(data))
    with blobs.open_blob(key) as file:
        assert file.read(10) + file.read() == data
    with blobs.on_this_disk(key) as path, open(path, "rb") as copy:
        assert copy.read() == data
    blobs.let_go([key])
    assert blobs.sweep() == 1
    assert not list(bucket.objects.all())


def test_many_at_once_share_the_storage(bucket):
    assert storages["blobs"].bucket_name == "lucid"
    found = []
    key = blobs.put(io.BytesIO(b"x"))

    def read():
        with blobs.open_blob(key) as file:
            found.append(file.read())

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"x"] * 8
