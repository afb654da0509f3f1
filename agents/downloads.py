"""Stored bytes as an answer: never shown in place, and taken off the thread that found them as soon as it can be.

The server in front puts a list under FILES into the request's scope: a file handed over in it is sent by the event loop
when the thread is free again, however slowly the client reads. Without one, in tests, Django sends it.
"""

from typing import IO

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import content_disposition_header

FILES = "lucid.files"
CHUNK_BYTES = 256 * 1024


def send_file(
    request: HttpRequest, file: IO[bytes], *, filename: str, content_type: str, size: int
) -> HttpResponseBase:
    """Answer with the file as a download; it is closed when it has been sent."""
    handed = getattr(request, "environ", {}).get("asgi.scope", {}).get(FILES)
    response: HttpResponse | FileResponse
    if handed is None:
        response = FileResponse(file, content_type=content_type)
        response.block_size = CHUNK_BYTES
    else:
        handed.append(file)
        response = HttpResponse(content_type=content_type)
    response["content-disposition"] = content_disposition_header(True, filename)
    response["content-length"] = str(size)
    response["x-content-type-options"] = "nosniff"
    response["content-security-policy"] = "sandbox; default-src 'none'"
    response["cache-control"] = "private, no-store"
    return response
