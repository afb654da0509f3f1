"""Brings the folder of a session's attached files up to date, before the first tool of a turn runs."""

import logging

from agents import blobs
from agents.exceptions import Unavailable
from agents.models import File, SessionResource
from agents.sandbox.base import BadPath, Sandbox, SandboxLost, SandboxUnavailable
from agents.services.file_resources import KIND
from agents.upload_paths import UPLOADS_ROOT

logger = logging.getLogger(__name__)


def lay_uploads(session_id: str, sandbox: Sandbox) -> None:
    """Exactly what is attached and has not expired lies there; asked also without any, for what was taken away."""
    resources = SessionResource.objects.filter(session_id=session_id, kind=KIND)
    places = {row.target_id: row.config["mount_path"].removeprefix(f"{UPLOADS_ROOT}/") for row in resources}
    files = File.objects.filter(pk__in=places) if places else []
    keys = {places[file.pk]: file.storage_key for file in files if not file.is_expired}
    for path in sandbox.sync_uploads(session_id, keys):
        try:
            with blobs.on_this_disk(keys[path]) as source:
                sandbox.put_upload(session_id, path, keys[path], source)
        except (SandboxUnavailable, SandboxLost):
            raise
        except (Unavailable, BadPath) as error:  # one file that is lost must not take the session's tools along
            logger.warning("%s: %s is not mounted: %s", session_id, path, error)
