"""The pages for setting things up: one list, drawn as the hub page and as the tabs above each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import template

from agents.access import has_role
from agents.models import Role

register = template.Library()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """`name` is the page's URL name, `text` what the hub says about it, `role` the least that opens it."""

    name: str
    word: str
    icon: str
    text: str
    role: str = Role.VIEWER


SECTIONS: list[Section] = [
    Section(
        name="deployments",
        word="Deployments",
        icon="clock",
        text="Sessions that start by the clock, or at the push of a button.",
    ),
    Section(
        name="environments", word="Environments", icon="tool", text="Where an agent's tools run, and what they reach."
    ),
    Section(
        name="skills", word="Skills", icon="book", text="What agents read up on when a task asks for it, in versions."
    ),
    Section(name="files", word="Files", icon="file", text="What was uploaded, and what sessions made."),
    Section(name="members", word="Members", icon="person", text="Who is in this workspace, and as what."),
    Section(
        name="api-keys",
        word="API keys",
        icon="shield",
        text="What programs sign in with: make, replace and revoke.",
        role=Role.ADMIN,
    ),
    Section(name="vaults", word="Vaults", icon="shield", text="What agents sign in with elsewhere, sealed."),
    Section(name="webhooks", word="Webhooks", icon="link", text="Which of your programs are told of what."),
    Section(
        name="prices",
        word="Prices",
        icon="coins",
        text="What tokens and running time cost, and from which day on.",
    ),
    Section(
        name="audit",
        word="Audit log",
        icon="clock",
        text="Who did what, and when, with the reason they gave.",
        role=Role.REVIEWER,
    ),
    Section(
        name="workspace",
        word="Workspace",
        icon="gear",
        text="Its name, and what holds for everything in it.",
        role=Role.ADMIN,
    ),
    Section(
        name="operations",
        word="Operations",
        icon="pulse",
        text="What runs here: workers, queues, what waits and what failed.",
        role=Role.ADMIN,
    ),
]


@register.inclusion_tag("components/setup_tabs.html", takes_context=True)
def setup_tabs(context: Mapping[str, Any], here: str = "") -> dict[str, Any]:
    """The tabs of the setup pages, with the present one marked."""
    return {"sections": sections_for(context.get("member")), "here": here}


def sections_for(member: Any) -> list[Section]:
    """The pages that this member can open."""
    return [section for section in SECTIONS if has_role(member, section.role)]


@register.filter
def action(event: Any) -> str:
    """What an audit event says was done: `api_key.revoked` as "API key revoked"."""
    return str(event.action).replace("_", " ").replace(".", " ").replace("api key", "API key")
