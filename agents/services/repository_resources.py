"""The session resource `github_repository`: cloned outside of the sandbox, then laid into its workspace.

`agents.plugs.ResourceKind` says when each function is called.
"""

from typing import Any

from django.conf import settings
from django.utils import timezone

from agents import git
from agents.actors import Actor
from agents.crypto import purpose_of, seal, unseal
from agents.eventlog.wire import timestamp
from agents.exceptions import InvalidRequest, SecretUnreadable
from agents.ids import new_id
from agents.models import SessionResource
from agents.repositories import CloneFailed, check_checkout, checked
from agents.sandbox.base import BadPath, Mount, Sandbox

KIND = "github_repository"
TOKEN = "authorization_token"  # noqa: S105 (the name of a member)
TOKEN_MAX = 4_096


def validate(entry: dict[str, Any], *, actor: Actor) -> tuple[str, dict[str, Any]]:
    repository = checked(entry["url"], entry.get("mount_path"), settings.LUCID_GIT_HOSTS)
    check_checkout(entry.get("checkout"))
    check_token(entry.get(TOKEN))
    token = {TOKEN: entry[TOKEN]} if entry.get(TOKEN) else {}
    shown = {"url": repository.url, "mount_path": repository.mount_path, "checkout": entry.get("checkout")}
    return new_id("session_resource"), {**shown, **token}


def finish(configs: list[dict[str, Any]]) -> None:
    places = [f"{config['mount_path']}/" for config in configs]
    for index, place in enumerate(places):
        if any(other.startswith(place) or place.startswith(other) for other in places[index + 1 :]):
            raise InvalidRequest(f"mount_path: {place[:-1]} is given twice, or lies in another repository.")


def attached(resources: list[SessionResource]) -> None:
    """The token leaves the config before that is stored, and is sealed for its row."""
    for resource in resources:
        set_token(resource, resource.config.pop(TOKEN, ""))


def detached(resource: SessionResource) -> None:
    """What was cloned stays in the workspace: the agent may have worked on it."""


def shape(resource: SessionResource) -> dict[str, Any]:
    config, at = resource.config, timestamp(resource.created_at)
    return {
        "id": resource.pk,
        "type": KIND,
        "url": config["url"],
        "mount_path": config["mount_path"],
        "checkout": config["checkout"],
        "created_at": at,
        "updated_at": config.get("updated_at", at),
    }


def prompt(resources: list[SessionResource]) -> str:
    lines = [f"- {resource.config['mount_path']}: {resource.config['url']}{_state(resource)}" for resource in resources]
    return "\n".join(["Repositories of the user are cloned into your workspace before your first command.", *lines])


def mounts(resources: list[SessionResource]) -> list[Mount]:
    return []


def before_turn(resources: list[SessionResource], sandbox: Sandbox) -> list[dict[str, Any]]:
    """Clone what is not there yet; a failure never stops the session, and is tried again at the next turn."""
    return [error for resource in resources if (error := _lay(resource, sandbox))]


def after_tools(resources: list[SessionResource], sandbox: Sandbox) -> list[str]:
    return []


def check_token(token: str | None) -> None:
    if token is not None and not (0 < len(token) <= TOKEN_MAX and token.isascii() and token.isprintable()):
        raise InvalidRequest(f"{TOKEN}: it must have 1 to {TOKEN_MAX:,} visible characters.")


def set_token(resource: SessionResource, token: str) -> None:
    resource.sealed_token = seal(token, purpose=purpose_of(resource, "sealed_token")) if token else ""


def replace_token(resource: SessionResource, token: str) -> None:
    """The next clone uses it."""
    check_token(token)
    set_token(resource, token)
    resource.config = {**resource.config, "updated_at": timestamp(timezone.now())}
    SessionResource.objects.filter(pk=resource.pk).update(sealed_token=resource.sealed_token, config=resource.config)


def _lay(resource: SessionResource, sandbox: Sandbox) -> dict[str, Any] | None:
    config = resource.config
    if config.get("is_laid"):
        return None
    try:
        with git.cloned(
            config["url"],
            token=_token(resource),
            checkout=config["checkout"],
            scratch=settings.FILE_UPLOAD_TEMP_DIR,
        ) as folder:
            sandbox.put_folder(resource.session_id, config["mount_path"], folder)
    except (CloneFailed, BadPath) as failure:
        message = f"The repository {config['url']} could not be cloned: {failure.message}"
        status = {"type": "retrying"}
        kind = failure.type if isinstance(failure, CloneFailed) else "repository_clone_error"
        return {"type": kind, "message": message, "repository_url": config["url"], "retry_status": status}
    resource.config = {**config, "is_laid": True}
    SessionResource.objects.filter(pk=resource.pk).update(config=resource.config)
    return None


def _token(resource: SessionResource) -> str:
    if not resource.sealed_token:
        return ""
    try:
        return unseal(resource.sealed_token, purpose=purpose_of(resource, "sealed_token"))
    except SecretUnreadable as error:
        raise CloneFailed("repository_authentication_error", error.message) from error


def _state(resource: SessionResource) -> str:
    checkout = resource.config["checkout"]
    at = f", at {checkout.get('name') or checkout.get('sha')}" if checkout else ""
    return at if resource.config.get("is_laid") else f"{at} (not there yet)"
