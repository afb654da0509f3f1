"""What people call those who act: members, keys, and whoever a session's metadata names."""

from collections.abc import Iterable

from agents.ids import PREFIXES
from agents.models import ApiKey, Member, Workspace


def names_of(workspace: Workspace, actor_ids: Iterable[str]) -> dict[str, str]:
    """What people call those who act, by id: members by their user name, keys by their name; whatever else stands
    there, such as a principal of a session's metadata, is its own name."""
    wanted = set(actor_ids)
    members = [actor_id for actor_id in wanted if actor_id.startswith(PREFIXES["member"])]
    keys = [actor_id for actor_id in wanted if actor_id.startswith(PREFIXES["api_key"])]
    names = {actor_id: actor_id for actor_id in wanted}
    if members:
        found = Member.objects.in_workspace(workspace).filter(pk__in=members)
        names |= dict(found.values_list("pk", "user__username"))
    if keys:
        names |= dict(ApiKey.objects.in_workspace(workspace).filter(pk__in=keys).values_list("pk", "name"))
    return names
