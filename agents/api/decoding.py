"""The text of a request's body as UTF-8 bytes, whatever charset and compression its headers name."""

import zlib

from django.http import HttpRequest

from agents.exceptions import InvalidRequest, TooLarge
from agents.limits import BODY_MAX_BYTES

CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "iso-8859-1": "latin-1", "latin1": "latin-1", "us-ascii": "ascii"}
WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
TOO_LARGE = "request_body_too_large_after_decoding"
INVALID = "request_body_encoding_invalid"


def body_of(request: HttpRequest) -> bytes:
    raw = request.body
    if len(raw) > BODY_MAX_BYTES:
        raise TooLarge(f"The request body is larger than {BODY_MAX_BYTES:,} bytes.")
    raw = _unpacked(raw, encoding_of(request)) if raw else raw
    charset = _charset_of(request)
    if charset == "utf-8":
        return raw  # whoever reads it says where it is not
    try:
        return raw.decode(charset).encode()
    except UnicodeDecodeError:
        raise InvalidRequest(f"The request body is not {charset.upper()} text, which its content-type names.")


def encoding_of(request: HttpRequest) -> str:
    """The compression that the request names, "" for none."""
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return ""
    if encoding not in WINDOW_BITS:
        raise unsupported(encoding, "gzip or deflate, or no content-encoding at all")
    return encoding


def unsupported(encoding: str, supported: str) -> InvalidRequest:
    message = f"content-encoding: {encoding!r} is not supported here; send {supported}."
    return InvalidRequest(message, code="request_body_encoding_unsupported")


def _charset_of(request: HttpRequest) -> str:
    named = (request.content_params or {}).get("charset", "utf-8").strip("\"' ")
    if named.lower() not in CHARSETS:
        message = f"content-type: the charset {named!r} is not supported; send UTF-8, ISO-8859-1 or US-ASCII."
        raise InvalidRequest(message, code="unsupported_charset")
    return CHARSETS[named.lower()]


def _unpacked(packed: bytes, encoding: str) -> bytes:
    """Never more than a byte above the bound is unpacked."""
    if not encoding:
        return packed
    unpacked = bytearray()
    while packed:  # gzip allows several members, one after the other
        unpacker = zlib.decompressobj(WINDOW_BITS[encoding])
        try:
            unpacked += unpacker.decompress(packed, BODY_MAX_BYTES + 1 - len(unpacked))
        except zlib.error:
            raise InvalidRequest(f"The request body is not {encoding} data, which its header names.", code=INVALID)
        if len(unpacked) > BODY_MAX_BYTES:
            raise TooLarge(f"The unpacked request body is larger than {BODY_MAX_BYTES:,} bytes.", code=TOO_LARGE)
        if not unpacker.eof:
            raise InvalidRequest(f"The request body's {encoding} data ends too early.", code=INVALID)
        packed = unpacker.unused_data
    return bytes(unpacked)
