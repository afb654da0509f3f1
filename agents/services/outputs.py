"""What a session wrote below /mnt/session/outputs, as files: kept after every batch of tools, so that they are there
before the turn ends, however it ends.

A file that changed gets a new row in place of the old one. A file that the agent deleted stays: what a session has
handed out is the client's, and tidying up the sandbox takes nothing back.
"""

import logging
import os
from contextlib import suppress

from django.db import transaction

from agents import blobs
from agents.eventlog.append import lock_session
from agents.exceptions import DomainError
from agents.models import File, Session
from agents.sandbox.base import OutputFile, Sandbox, SandboxLost, SandboxUnavailable, TakenOutput
from agents.services.files import Content, check_room, forget_files, make_file

OUTPUTS_ROOT = "/mnt/session/outputs"
PROMPT = (
    f"Write what is meant for the user, such as reports, charts and data, below {OUTPUTS_ROOT}: every file there is"
    " handed to them. What lies elsewhere stays with you."
)

logger = logging.getLogger(__name__)


def publish_outputs(session_id: str, sandbox: Sandbox) -> list[str]:
    """Keep what is new or changed; returns a sentence for everything that could not be kept."""
    try:
        listing = sandbox.list_outputs(session_id, is_hashed=True)
    except (SandboxUnavailable, SandboxLost) as error:
        logger.warning("The outputs of %s cannot be seen: %s", session_id, error)
        return []
    problems = [f"{OUTPUTS_ROOT}{file.path} was not kept: it {file.reason}." for file in listing.refused]
    for path in _changed(session_id, listing.files):
        try:
            _keep(session_id, path, sandbox)
        except DomainError as error:
            problems.append(f"{OUTPUTS_ROOT}/{path} was not kept: {error.message}")
    for problem in problems:
        logger.info("%s: %s", session_id, problem)
    return problems


def _changed(session_id: str, files: dict[str, OutputFile]) -> list[str]:
    if not files:
        return []
    rows = File.objects.filter(session=session_id).outputs()
    known = dict(rows.values_list("output_path", "sha256"))
    return [path for path, file in files.items() if known.get(path) != file.sha256]


def _keep(session_id: str, path: str, sandbox: Sandbox) -> None:
    taken = sandbox.take_output(session_id, path)
    try:
        _store(session_id, path, taken)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(taken.path)


def _store(session_id: str, path: str, taken: TakenOutput) -> None:
    session = Session.objects.select_related("workspace").get(pk=session_id)
    check_room(session.workspace, taken.size)
    with open(taken.path, "rb") as file:
        key = blobs.put(file)
    content = Content(file=file, filename=path, mime_type=None, size=taken.size, sha256=taken.sha256)
    with transaction.atomic():
        lock_session(session_id)  # another thread of the session may keep the same file at this moment
        blobs.keep(key)
        forget_files(File.objects.filter(session=session_id, output_path=path))
        make_file(
            session.workspace,
            content,
            key,
            session_id=session_id,
            output_path=path,
            downloadable=True,
            created_by=session_id,
        )
