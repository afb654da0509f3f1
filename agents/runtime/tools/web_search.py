"""The tool `web_search`: asks the search provider, wherever the session's other tools run, and leaves out what the
agent may not be shown. What was found is somebody else's word; what went wrong is told in ours."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from agents import limits
from agents.plugs import search_provider
from agents.runtime.tools.waiting import awaited
from agents.runtime.tools.web_sources import canonical, is_open_page, page_of
from agents.sandbox.base import ToolOutcome
from agents.search import Hit, SearchFailed
from agents.storable import storable

NOTHING = "Nothing was found."
FEW = 3  # with so few pages of the allowed domains among the first ones, the domains are asked for by name


def web_search(
    arguments: Mapping[str, Any], config: Mapping[str, Any], *, stop: Callable[[], bool] | None
) -> ToolOutcome:
    """`config`: the agent's settings of the tool. Whatever goes wrong is the call's error."""
    try:
        query = _checked(arguments.get("query"))
        hits = awaited(lambda: _found(query, config), stop)
    except SearchFailed as failure:
        told = {"type": "text", "text": f"web_search: {failure.code}: {failure}"}
        return ToolOutcome(content=[told], is_error=True)
    return ToolOutcome(content=[_block(hit) for hit in hits] or [{"type": "text", "text": NOTHING}], is_error=False)


def _checked(query: object) -> str:
    if not isinstance(query, str) or not query.strip():
        raise SearchFailed("invalid_tool_input", "The member query must say what to search for.")
    if len(query) > limits.SEARCH_QUERY_MAX:
        raise SearchFailed("query_too_long", f"A query has at most {limits.SEARCH_QUERY_MAX} characters.")
    return " ".join(query.split())


def _found(query: str, config: Mapping[str, Any]) -> list[Hit]:
    hits = _shown(_asked(query, config), config)
    allowed = config.get("allowed_domains")
    if allowed and len(hits) < FEW:
        with suppress(SearchFailed):  # what there is already is an answer
            hits = _shown([*hits, *_asked(_within(query, allowed), config)], config)
    return hits


def _asked(query: str, config: Mapping[str, Any]) -> Sequence[Hit]:
    return search_provider().search(query, location=config.get("user_location"))


def _within(query: str, domains: Sequence[str]) -> str:
    """In the words that most engines know; those that do not find other pages, which are left out as before."""
    sites = [f"site:{domain}" for domain in domains[: limits.SEARCH_SITES_MAX]]
    return f"{query} {sites[0] if len(sites) == 1 else f'({" OR ".join(sites)})'}"


def _shown(hits: Iterable[Hit], config: Mapping[str, Any]) -> list[Hit]:
    """The first ones that can be opened and that the agent may see, each page once."""
    shown: dict[str, Hit] = {}
    for hit in hits:
        page = page_of(hit.url) if len(hit.url) <= limits.URL_MAX else None
        if page and is_open_page(page, config):
            shown.setdefault(canonical(hit.url), hit)
    return list(shown.values())[: limits.SEARCH_RESULTS_MAX]


def _block(hit: Hit) -> dict[str, Any]:
    """A block that endpoints take: none of its texts is empty. Citations are off, as no event could hold them."""
    title = _short(hit.title, limits.SEARCH_TITLE_MAX) or hit.url
    text = _short(hit.text, limits.SEARCH_TEXT_MAX) or title
    return {
        "type": "search_result",
        "source": storable(hit.url),
        "title": title,
        "content": [{"type": "text", "text": text}],
        "citations": {"enabled": False},
    }


def _short(text: str, most: int) -> str:
    whole = str(storable(text)).strip()
    return whole if len(whole) <= most else f"{whole[: most - 1]}…"
