"""Keys of an environment's workers: make, which shows the text once, and revoke."""

from django.db import transaction
from django.utils import timezone

from agents import audit
from agents.actors import Actor, platform
from agents.crypto import ENVIRONMENT_KEY_PREFIX, key_digest, new_key, shown_prefix
from agents.exceptions import InvalidRequest, NotFound
from agents.limits import ENVIRONMENT_KEY_NAME_MAX, ENVIRONMENT_KEYS_MAX
from agents.models import Environment, EnvironmentKey


def find_environment(environment_id: str) -> Environment:
    """For an operator at the command line, who stands above workspaces."""
    found: Environment | None = Environment.objects.kept().filter(pk=environment_id).first()
    if found is None:
        raise NotFound(f"Environment {environment_id!r} was not found.", code="environment_not_found")
    return found


def issue_environment_key(
    environment: Environment, name: str, *, may_confirm: bool = False, actor: Actor | None = None
) -> tuple[EnvironmentKey, str]:
    """A new key and its text, which is kept nowhere: show it once. `may_confirm` lets it decide on calls that ask."""
    if not environment.is_self_hosted:
        raise InvalidRequest(f"The environment {environment.pk} is not self-hosted: it has no workers to give keys to.")
    if environment.is_archived:
        raise InvalidRequest(f"The environment {environment.pk} is archived.", code="environment_archived")
    if not name.strip() or len(name) > ENVIRONMENT_KEY_NAME_MAX:
        raise InvalidRequest(f"name: an environment key needs a name of at most {ENVIRONMENT_KEY_NAME_MAX} characters.")
    if environment.keys.filter(revoked_at=None).count() >= ENVIRONMENT_KEYS_MAX:
        raise InvalidRequest(f"The environment has {ENVIRONMENT_KEYS_MAX} keys already; revoke some first.")
    text = new_key(ENVIRONMENT_KEY_PREFIX)
    with transaction.atomic():
        key = EnvironmentKey.objects.create(
            workspace=environment.workspace,
            environment=environment,
            name=name,
            prefix=shown_prefix(text, ENVIRONMENT_KEY_PREFIX),
            digest=key_digest(text),
            may_confirm=may_confirm,
            created_by=actor.member if actor else None,
        )
        by = actor or platform(environment.workspace)
        detail = f"{key.prefix}… for {environment.pk}{', may confirm tool calls' if may_confirm else ''}"
        audit.record(by, "environment_key.created", key.pk, name=name, detail=detail)
    return key, text


@transaction.atomic
def revoke_environment_key(key: EnvironmentKey, *, actor: Actor) -> EnvironmentKey:
    """From now on nobody polls with it; what a worker holds already it may finish, by the item's own token. Revoking
    twice keeps the first time."""
    if EnvironmentKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        audit.record(actor, "environment_key.revoked", key.pk, name=key.name, detail=f"{key.prefix}…")
    key.refresh_from_db()
    return key
