"""The pages for setting things up: one list, drawn as the hub page and as the tabs above each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import template

register = template.Library()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """`name` is the page's URL name, `text` what a newcomer reads about it on the hub."""

    name: str
    word: str
    icon: str
    text: str


SECTIONS: list[Section] = []


@register.inclusion_tag("components/setup_tabs.html", takes_context=True)
def setup_tabs(context: Mapping[str, Any], here: str = "") -> dict[str, Any]:
    """The tabs of the setup pages, with the present one marked."""
    return {"sections": SECTIONS, "here": here}
