"""What an empty installation gets: a workspace, its admin, a first API key; the secrets are shown once."""

import secrets
import string
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from agents.actors import Actor
from agents.models import Role, Scope, Workspace
from agents.services.api_keys import issue_api_key
from agents.services.members import add_member
from agents.services.workspaces import create_workspace
from dreams.demo.rounds import build

WORKSPACE_NAME = "Default"
ADMIN_NAME = "admin"
PASSWORD_CHARACTERS = string.ascii_letters + string.digits  # marked with a double click, typed without looking twice
PASSWORD_LENGTH = 17  # 101 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSecrets:
    username: str
    password: str
    api_key: str


@transaction.atomic
def prepare_first_start(*, with_demo: bool = False) -> FirstSecrets | None:
    """Make the first workspace, person and key, and the demo if wanted; None when there is a workspace already."""
    if Workspace.objects.exists():
        return None
    workspace = create_workspace(WORKSPACE_NAME)
    password = "".join(secrets.choice(PASSWORD_CHARACTERS) for _ in range(PASSWORD_LENGTH))
    user = User.objects.create_superuser(ADMIN_NAME, password=password)
    member = add_member(workspace, user, Role.ADMIN)
    _, key = issue_api_key(workspace, "first key", scopes=list(Scope), actor=Actor(workspace=workspace, member=member))
    if with_demo:
        build(workspace)
    return FirstSecrets(username=ADMIN_NAME, password=password, api_key=key)
