"""PURE: tool results that are too long for a model: it gets their beginning and end, and is told where the whole is.

How the two bounds of the wire contract go together: the SDK's bash, which counts bytes, keeps the last 100 KiB; the
hosted one hands the whole to a file. So a box of ours keeps far more of a command's output than the SDK, and what a
model gets is bounded here, in characters, for every tool alike. What runs in a client's own sandbox has been through
the SDK's bound, and no file can be laid there from here.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from agents import limits

type Block = dict[str, Any]

FOLDER = "/workspace/.tool_results"
READERS = ("bash", "read", "grep")  # built-in tools with which a model can look into a file
LEFT_OUT = "\n\n[… {count:,} characters are left out here …]\n\n"


def is_long(content: Iterable[Block] | None) -> bool:
    """Whether a result has more characters than a model is given of one."""
    return sum(len(text) for text in _texts(content)) > limits.TOOL_RESULT_MAX_CHARS


def whole(content: Iterable[Block]) -> str:
    """All text of a result, as the file of it has it."""
    return "\n".join(_texts(content))


def path_of(call_id: str) -> str:
    """Where the file of that call's result lies in the session's sandbox."""
    return f"{FOLDER}/{call_id}.txt"


def previewed(content: Sequence[Block], path: str) -> list[Block]:
    """For a model that finds the whole at `path`."""
    text = whole(content)
    note = (
        f"[The result has {len(text):,} characters. All of it is in the file {path}, to be searched or to be read in"
        " parts; these are its beginning and its end.]"
    )
    return _instead(content, note, _ends(text, limits.TOOL_PREVIEW_CHARS))


def shortened(content: Sequence[Block], reason: str) -> list[Block]:
    """For a model that has nothing but this; `reason` says why."""
    text = whole(content)
    note = f"[The result has {len(text):,} characters, which is too long: its middle is left out. {reason}]"
    return _instead(content, note, _ends(text, limits.TOOL_RESULT_MAX_CHARS))


def _instead(content: Sequence[Block], note: str, ends: str) -> list[Block]:
    others = [block for block in content if not any(True for _ in _texts([block]))]
    return [{"type": "text", "text": f"{note}\n\n{ends}"}, *others]


def _ends(text: str, most: int) -> str:
    half = most // 2
    return text[:half] + LEFT_OUT.format(count=len(text) - 2 * half) + text[-half:]


def _texts(content: Iterable[Block] | None) -> Iterable[str]:
    for block in content or ():
        match block:
            case {"type": "text", "text": str(text)}:
                yield text
            case {"type": "search_result", "content": list(parts)}:
                yield "\n".join([f"{block.get('title')} ({block.get('source')})", *_texts(parts)])
            case {"type": "document", "source": {"type": "text", "data": str(text)}}:
                yield text
