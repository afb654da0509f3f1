"""Files against the running product: what the event loop does before and after Django."""

import hashlib
import http.client
import io
from urllib.parse import urlsplit

import anthropic
import pytest
from django.conf import settings

from agents.models import File, Session
from tests.wire.conftest import strict

SIZE = 40 * 1024 * 1024  # more than an ordinary body may have


@pytest.fixture
def wire(live_sdk):
    return strict(live_sdk)


@pytest.fixture
def data():
    return hashlib.sha256(b"seed").digest() * (SIZE // 32)


def test_a_large_file_comes_in_whole_and_goes_out_whole(wire, data):
    sent = wire.files.upload(file=("large.bin", io.BytesIO(data)))
    assert sent.size_bytes == SIZE
    row = File.objects.get(pk=sent.id)
    assert row.sha256 == hashlib.sha256(data).hexdigest()
    agent = wire.beta.agents.create(name="Ann", model="practice-1")
    environment = wire.beta.environments.create(name="box")
    session = wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    File.objects.filter(pk=sent.id).update(session=Session.objects.get(pk=session.id), downloadable=True)
    answer = wire.files.download(sent.id)
    assert hashlib.sha256(answer.read()).hexdigest() == row.sha256
    assert answer.headers["content-length"] == str(SIZE)


def test_an_upload_in_chunks_without_a_length_is_read(stack, api_key):
    parts = [b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n', b"ab", b"\r\n--b--\r\n"]
    answer = post(stack, api_key, iter(parts))
    assert answer.status == 200
    assert File.objects.get().size_bytes == 2


def test_a_strangers_upload_is_refused_unread(stack):
    before = set(settings.FILE_UPLOAD_TEMP_DIR.iterdir())
    answer = post(stack, "lucid_unknown", iter([b"x" * 65_536] * 800))
    assert answer.status == 401
    assert set(settings.FILE_UPLOAD_TEMP_DIR.iterdir()) == before


def test_a_body_beyond_the_limit_is_refused_by_its_length(wire):
    with pytest.raises(anthropic.APIStatusError) as refusal:
        wire.post("/v1/skills", cast_to=object, content=b"x" * SIZE, options={"headers": {"content-type": "a/b"}})
    assert (refusal.value.status_code, refusal.value.type) == (413, "request_too_large")


def post(stack, key, chunks):
    line = http.client.HTTPConnection(urlsplit(stack.url).netloc)
    headers = {
        "authorization": f"Bearer {key}",
        "anthropic-version": "2026-10-21",
        "content-type": "multipart/form-data; boundary=b",
    }
    line.request("POST", "/v1/files", body=chunks, headers=headers, encode_chunked=True)
    return line.getresponse()
