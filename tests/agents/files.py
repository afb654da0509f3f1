"""Files for tests: as clients upload them, and as sessions make them."""

import io

from agents import blobs
from agents.services import files as services


def make_upload(actor, data=b"a,b\n1,2\n", filename="data.csv", **options):
    return services.upload_file(content_of(data, filename), actor=actor, **options)


def make_output(session, data=b"<b>1</b>", path="report.html"):
    content = content_of(data, path)
    key = blobs.put(content.file)
    blobs.keep(key)
    named = {"output_path": path, "downloadable": True, "created_by": session.pk}
    return services.make_file(session.workspace, content, key, session_id=session.pk, **named)


def content_of(data, filename):
    return services.content_of(io.BytesIO(data), filename=filename, mime_type=None)
