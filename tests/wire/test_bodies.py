"""Bodies in every charset and compression that a client may choose, and what is no body of ours."""

import gzip
import json
import zlib

import anthropic
import pytest
from anthropic.types.beta_unsupported_charset_error import BetaUnsupportedCharsetError

from agents.models import Agent

AGENT = {"name": "Bea \u00e9", "model": "m"}
TEXT = json.dumps(AGENT, ensure_ascii=False)
TYPE = "application/json; charset="


@pytest.fixture
def refused(wire):
    """The official client's error for a body that is sent as it is."""

    def send(content, **headers):
        sent = {"anthropic-beta": "managed-agents-2026-04-01", "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        with pytest.raises(anthropic.APIStatusError) as refusal:
            wire.post("/v1/agents", cast_to=object, content=content, options={"headers": sent})
        assert not Agent.objects.exists()
        return refusal.value

    return send


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (f"{TYPE}utf-8", TEXT.encode()),
        (f'{TYPE}"UTF-8"', TEXT.encode()),
        (f"{TYPE}ISO-8859-1", TEXT.encode("latin-1")),
        (f"{TYPE}us-ascii", json.dumps(AGENT).encode()),
        ("text/plain", TEXT.encode()),
    ],
)
def test_a_body_is_read_in_the_charset_that_it_names(call, content_type, body):
    assert call("POST", "agents", body, content_type=content_type).json()["name"] == AGENT["name"]


@pytest.mark.parametrize("charset", ["utf-16", "windows-1252", "no such", ""])
def test_another_charset_is_refused_with_its_code(refused, charset):
    error = refused(TEXT.encode(), content_type=TYPE + charset)
    assert isinstance(error, BetaUnsupportedCharsetError)


def test_a_body_that_is_not_in_the_charset_it_names_is_refused(refused):
    assert refused(TEXT.encode(), content_type=f"{TYPE}us-ascii").status_code == 400
    assert refused(TEXT.encode("latin-1"), content_type=f"{TYPE}utf-8").status_code == 400


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(TEXT.encode())),
        ("GZIP", gzip.compress(TEXT[:5].encode()) + gzip.compress(TEXT[5:].encode())),
        ("deflate", zlib.compress(TEXT.encode())),
        ("identity", TEXT.encode()),
    ],
)
def test_a_packed_body_is_unpacked(call, encoding, packed):
    assert call("POST", "agents", packed, content_encoding=encoding).json()["name"] == AGENT["name"]


@pytest.mark.parametrize("packed", [b"no gzip", gzip.compress(TEXT.encode())[:-5], gzip.compress(b"{}") + b"more"])
def test_a_body_that_does_not_unpack_is_refused_with_its_code(refused, packed):
    assert isinstance(refused(packed, content_encoding="gzip"), anthropic.RequestBodyEncodingInvalidError)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, deflate"])
def test_another_compression_is_refused_with_its_code(refused, encoding):
    error = refused(TEXT.encode(), content_encoding=encoding)
    assert isinstance(error, anthropic.RequestBodyEncodingUnsupportedError)


def test_a_body_that_unpacks_to_more_than_32_mb_is_refused_with_its_code(refused):
    error = refused(gzip.compress(b" " * (32 * 1024 * 1024 + 1), 1), content_encoding="gzip")
    assert isinstance(error, anthropic.RequestBodyTooLargeAfterDecodingError)
    assert error.type == "request_too_large"


def test_packed_uploads_are_refused_with_their_code(wire):
    with pytest.raises(anthropic.RequestBodyEncodingUnsupportedError):
        wire.files.upload(file=b"x", extra_headers={"content-encoding": "gzip"})


def test_packed_transcripts_are_imported(call):
    line = gzip.compress(json.dumps({"messages": [{"role": "user", "content": "Hi"}]}).encode())
    answer = call(
        "POST", "sessions/import?agent=Old", line, content_type="application/jsonl", content_encoding="gzip"
    ).json()
    assert (len(answer["session_ids"]), answer["problems"]) == (1, [])


def test_of_two_members_with_one_name_the_last_one_counts(call):
    assert call("POST", "agents", b'{"name": "A", "name": "B", "model": "m"}').json()["name"] == "B"


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain"])
def test_a_post_that_takes_no_body_needs_none(call, agent, content_type):
    headers = {"content_type": content_type} if content_type else {}
    assert call("POST", f"agents/{agent.id}/archive", **headers).status_code == 200
