"""The parts of a multipart request, each in a file of its own: names stay as they were sent, folders included.

Why not Django's own parser: it strips folders from names, and takes a part without a name for text.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import IO
from urllib.parse import unquote

from django.conf import settings
from django.http import HttpRequest
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from agents.api.decoding import encoding_of, unsupported
from agents.exceptions import InvalidRequest, TooLarge

CHUNK_BYTES = 256 * 1024
IN_MEMORY_BYTES = 64 * 1024  # larger parts go to disk
FIELD_MAX_BYTES = 64 * 1024  # of a part that is read as text
# The one place where .NET says a name beyond ASCII as it is; what it calls `filename` beside it is for mail.
EXTENDED_NAME = re.compile(r";\s*filename\*\s*=\s*(utf-8|iso-8859-1)'[^']*'([^\s;\"]+)", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class Part:
    """One part; `file` stands at its beginning. `filename` is None where none was sent, which is how the SDK sends bare
    bytes."""

    name: str
    filename: str | None
    content_type: str
    file: IO[bytes]
    size: int = 0
    sha256: str = ""

    @property
    def text(self) -> str:
        """A form field's value."""
        if self.size > FIELD_MAX_BYTES:
            raise InvalidRequest(f"{self.name}: this field is too long.")
        self.file.seek(0)
        try:
            value = self.file.read().decode()
        except UnicodeDecodeError:
            raise InvalidRequest(f"{self.name}: it is not UTF-8 text.")
        if "\x00" in value:
            raise InvalidRequest(f"{self.name}: the character U+0000 cannot be stored.")
        return value


@contextmanager
def read_parts(request: HttpRequest, *, parts_max: int, bytes_max: int) -> Iterator[list[Part]]:
    """All parts of the request, at most `parts_max` with `bytes_max` bytes in all; their files last as long as the
    block."""
    with ExitStack() as files:
        try:
            yield list(_parts(request, files, parts_max, bytes_max))
        except MultipartError as error:
            raise InvalidRequest(f"The request body is not multipart/form-data: {error}.")


def _parts(request: HttpRequest, files: ExitStack, parts_max: int, bytes_max: int) -> Iterator[Part]:
    part, digest, size, count = None, sha256(), 0, 0
    for event in PushMultipartParser(_boundary(request)).parse_blocking(request.read, CHUNK_BYTES):
        if isinstance(event, MultipartSegment):
            count += 1
            if count > parts_max:
                raise InvalidRequest(f"The request body has more than {parts_max:,} parts.")
            part, digest = _begin(event, files), sha256()
        elif part is not None and event is not None:
            size += len(event)
            if size > bytes_max:
                raise TooLarge(f"The parts of the request body are larger than {bytes_max:,} bytes.")
            part.size += len(event)
            part.file.write(event)
            digest.update(event)
        elif part is not None:
            part.file.seek(0)
            part.sha256 = digest.hexdigest()
            yield part


def _boundary(request: HttpRequest) -> str:
    if encoding := encoding_of(request):
        raise unsupported(encoding, "files as they are, without one")
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary: str = options.get("boundary", "")
    if kind != "multipart/form-data" or not 1 <= len(boundary) <= 256:
        raise InvalidRequest("content-type: send multipart/form-data with a boundary.")
    return boundary


def _begin(segment: MultipartSegment, files: ExitStack) -> Part:
    filename = _filename(segment)
    if not segment.name or any("\x00" in value for value in (segment.name, filename or "")):
        raise InvalidRequest("The request body has a part whose name is missing or cannot be stored.")
    folder = str(settings.FILE_UPLOAD_TEMP_DIR)
    file = files.enter_context(tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES, dir=folder))  # noqa: SIM115
    return Part(
        name=segment.name,
        filename=filename,
        content_type=segment.content_type or "",
        file=file,
    )


def _filename(segment: MultipartSegment) -> str | None:
    if extended := EXTENDED_NAME.search(segment.header("Content-Disposition", "")):
        return unquote(extended[2], encoding=extended[1])
    sent: str | None = segment.filename
    return sent
