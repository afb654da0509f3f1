"""PURE: what is known of models besides their prices: how much they read at once, and whether they take a system
message in the middle of a conversation, and search results among a tool's.

Both were read on 20 November 2026: windows on the models' own pages in Anthropic's documentation, the rest in its page
on system messages and in the profiles that LangChain keeps of models.
"""

import re
from collections.abc import Collection, Mapping

UNKNOWN_WINDOW = 128_000  # most models of today read as much; one that reads less says so, and is believed
PRACTICE = re.compile(r"practice-([1-9][0-9]{0,3})k")  # the practice model plays one with a window of its name's size

_MILLION = (
    *("claude-fable-5-2", "claude-fable-5-1", "claude-fable-5", "claude-mythos-5-2", "claude-mythos-5-1"),
    *("claude-mythos-5", "claude-opus-5-5", "claude-opus-5", "claude-opus-4-8", "claude-opus-4-7", "claude-opus-4-6"),
    *("claude-sonnet-5-5", "claude-sonnet-5", "claude-sonnet-4-6", "claude-haiku-5-5"),
)
_TWO_HUNDRED_THOUSAND = (
    *("claude-opus-4-5", "claude-opus-4-5-20251101", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    *("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
)
WINDOWS: dict[str, int] = dict.fromkeys(_MILLION, 1_000_000) | dict.fromkeys(_TWO_HUNDRED_THOUSAND, 200_000)
# Models of other makers are not known to refuse them; an operator names those that do.
WITHOUT_SYSTEM_MESSAGES = frozenset(
    {*_TWO_HUNDRED_THOUSAND, "claude-opus-4-6", "claude-opus-4-7", "claude-sonnet-4-6", "claude-mythos-preview"}
)


def window_of(model: str, own: Mapping[str, int]) -> int:
    """Tokens that the model reads and writes in one request; `own` is what the operator says of models."""
    if model in own:
        return own[model]
    if played := PRACTICE.fullmatch(model):
        return int(played[1]) * 1_000
    return WINDOWS.get(model, UNKNOWN_WINDOW)


def takes_system_messages(model: str, refused: Collection[str]) -> bool:
    """`refused`: the models that the operator says do not."""
    return model not in WITHOUT_SYSTEM_MESSAGES and model not in refused


def takes_search_results(model: str) -> bool:
    """Whoever else speaks the Messages API seldom knows such blocks; text says the same to any model."""
    return "claude" in model.lower()
