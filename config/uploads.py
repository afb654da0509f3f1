"""Where files are sent to, how much each address takes, and who may send any."""

import re

from agents.api.auth import identify
from agents.eventlog.follow import in_database
from agents.exceptions import DomainError
from agents.limits import FILE_MAX_BYTES, SKILL_MAX_BYTES
from agents.middleware import API_PREFIX, member_behind
from agents.sse import Scope, request_of
from config.bodies import Upload

FORM_BYTES = 2 * 1024 * 1024  # what a form may have around its files: names, boundaries, other fields
UPLOADS = (
    Upload(address=re.compile(r"/v1/files|/files/upload/"), limit=FILE_MAX_BYTES + FORM_BYTES),
    Upload(address=re.compile(r"/v1/skills(/[^/]+/versions)?|/skills/.*"), limit=SKILL_MAX_BYTES + FORM_BYTES),
)


async def admits(scope: Scope) -> bool:
    """Whether somebody who may do anything here at all sends it; the rest is asked when it is answered."""
    return await in_database(_is_known, scope)


def _is_known(scope: Scope) -> bool:
    request = request_of(scope)
    if not scope["path"].startswith(API_PREFIX):
        return member_behind(request) is not None
    try:
        identify(request)
    except DomainError:
        return False
    return True
