"""PURE: plays the two steps of a dream, claims of a session and operations of a cluster, from the prompt's text alone.

It turns the hints that the prompt carries into claims, quoting the events they point to, and claims into new entries
unless an entry shown already says so. It knows no tool, no program and no lesson.
"""

import json
import re
from collections import Counter
from typing import Any

CLAIMS_MAX = 8
QUOTE_MAX = 200
SHOWN_MEMBERS_MAX = 3
QUOTE_LEAD = 50  # what a quote keeps before the first difference of two long values
EVENT = re.compile(r"^\[(?P<n>\d+)\] (?P<head>[^|]*)\| (?P<text>.*)$", re.MULTILINE)
FOLDERS = {
    "workaround": "workarounds",
    "pitfall": "pitfalls",
    "workflow": "workflows",
    "preference": "preferences",
    "fact": "facts",
}

Json = dict[str, Any]


def reply(request: Json) -> Json:
    """The input of the forced call."""
    text = _text_of(request)
    if (request.get("tool_choice") or {}).get("name") == "record_operations":
        return {"operations": operations(_lines(text, "claims"), _lines(text, "entries"))}
    return {"claims": claims(text)}


def _text_of(request: Json) -> str:
    parts = []
    for message in request.get("messages") or []:
        content = message.get("content")
        blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
        parts += [str(block.get("text", "")) for block in blocks if isinstance(block, dict)]
    return "\n".join(parts)


def _lines(text: str, tag: str) -> list[Json]:
    """The JSON objects between the last pair of such tags: a transcript may hold look-alikes, and stands before."""
    start, end = text.rfind(f"<{tag}>"), text.rfind(f"</{tag}>")
    found = []
    for line in text[start + len(tag) + 2 : end].splitlines() if 0 <= start < end else []:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


# Map: one session's claims


def claims(text: str) -> list[Json]:
    session = re.findall(r"<session>([^<]*)</session>", text)
    sid = session[-1] if session else ""
    events = {int(found["n"]): found["text"] for found in EVENT.finditer(text)}
    made: list[Json] = []
    seen: set[str] = set()
    hints = _lines(text, "hints")
    solved = {_case(hint) for hint in hints if hint.get("hint") == "fixed"}
    for hint in sorted(hints, key=_worth):
        if hint.get("hint") == "error" and _case(hint) in solved:
            continue
        made_here = _claim(hint, sid, events)
        same = json.dumps([made_here["kind"], made_here["when"], made_here["claim"]]) if made_here else ""
        if made_here and same not in seen:
            seen.add(same)
            made.append(made_here)
    return made[:CLAIMS_MAX]


def _case(hint: Json) -> tuple[Any, ...]:
    return (hint.get("program"), hint.get("scope"), hint.get("signature"))


def _worth(hint: Json) -> int:
    return (
        ["fixed", "error", "correction", "sequence"].index(hint["hint"])
        if hint.get("hint") in ("fixed", "error", "correction", "sequence")
        else 9
    )


def _claim(hint: Json, sid: str, events: dict[int, str]) -> Json | None:
    kind = hint.get("hint")
    if kind == "fixed":
        return _mended(hint, sid, events)
    if kind == "error":
        cites = _cites(sid, events, [(hint.get("eid"), None)])
        return _made("pitfall", _call(hint), f"expect `{hint.get('signature', '')}`; no fix was seen", cites)
    if kind == "correction":
        return _wish(hint, sid, events)
    if kind == "sequence":
        steps = [f"`{name}`" for name in hint.get("tools", [])]
        cites = _cites(sid, events, list(zip(hint.get("eids", []), [None] * 99, strict=False)))
        return _made(
            "workflow",
            f"a task is like those that began with {steps[0]}",
            f"these steps did it: {', '.join(steps)}",
            cites,
        )
    return None


def _mended(hint: Json, sid: str, events: dict[int, str]) -> Json | None:
    wanted = [(hint.get("error"), None), (hint.get("failed"), None)]
    if hint.get("changed"):
        changed = [f"`{name}`" for name in hint["changed"]]
        cites = _cites(sid, events, [wanted[0], *_difference(hint, events)])
        text = f"expect `{hint.get('signature', '')}`; a later call worked after changing {', '.join(changed)}"
        return _made("pitfall", _call(hint), text, cites)
    added, removed = hint.get("added") or [], hint.get("removed") or []
    cites = _cites(sid, events, [*wanted, (hint.get("succeeded"), None)])
    old, new = " ".join(removed), " ".join(added)
    if not old and not new:
        return None
    text = f"replace `{old}` with `{new}`" if old and new else f"add `{new}`" if new else f"drop `{old}`"
    return _made("workaround", _call(hint), text, cites)


def _difference(hint: Json, events: dict[int, str]) -> list[tuple[Any, Any]]:
    """What to quote of the call that failed and of the one that worked: each argument in which they differ."""
    failed, worked = hint.get("failed"), hint.get("succeeded")
    before, after = _members(events.get(failed or 0, "")), _members(events.get(worked or 0, ""))
    shown: list[tuple[Any, Any]] = []
    for name in hint["changed"][:SHOWN_MEMBERS_MAX]:
        old, new = before.get(name, ""), after.get(name, "")
        shown += [(number, part) for number, part in zip((failed, worked), _pieces(old, new), strict=True) if part]
    quoted = {number for number, _ in shown}
    # A call that lacks the argument is quoted from its beginning.
    return [*shown, *((number, None) for number in (failed, worked) if number not in quoted)]


def _members(text: str) -> dict[str, str]:
    """Argument name -> its part `"name": value` of a call's text, letter for letter, be the text cut short or not."""
    found: dict[str, str] = {}
    decoder, start = json.JSONDecoder(), 1
    while 0 < start < len(text):
        try:
            name, end = decoder.raw_decode(text, start)
            _, end = decoder.raw_decode(text, end + 2)
        except ValueError:
            cut = re.match(r'"((?:[^"\\]|\\.)*)": .', text[start:])
            return found | ({cut[1]: text[start:].rstrip("…")} if cut else {})
        found[str(name)] = text[start:end]
        start = end + 2
    return found


def _pieces(old: str, new: str) -> tuple[str, str]:
    """Both parts, and of long ones that begin alike the piece around their first difference."""
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), 0)
    start = max(0, same - QUOTE_LEAD) if same > QUOTE_MAX - QUOTE_LEAD else 0
    return old[start : start + QUOTE_MAX].strip(), new[start : start + QUOTE_MAX].strip()


def _call(hint: Json) -> str:
    program, scope = hint.get("program") or hint.get("tool") or "", hint.get("scope")
    return f"`{program}` is run on `{scope}`" if scope else f"`{program}` is called"


def _wish(hint: Json, sid: str, events: dict[int, str]) -> Json | None:
    said = events.get(hint.get("eid", 0), "").replace("\\n", " ").strip()
    sentences = re.split(r"(?<=[.!?])\s+", said)
    cue = re.compile(
        r"\b(always|never|don't|do not|from now on|instead of|prefer|make sure|remember|use)\b", re.IGNORECASE
    )
    wish = next((sentence for sentence in sentences if cue.search(sentence)), "")[:QUOTE_MAX]
    if not wish:
        return None
    return _made("preference", "working for this workspace", wish, [{"sid": sid, "eid": hint["eid"], "quote": wish}])


def _made(kind: str, when: str, claim: str, cites: list[Json]) -> Json | None:
    return {"kind": kind, "when": when, "claim": claim, "cites": cites, "touches": []} if cites else None


def _cites(sid: str, events: dict[int, str], wanted: list[tuple[Any, Any]]) -> list[Json]:
    found = []
    for number, quote in wanted:
        text = events.get(number or 0)
        if text is None:
            continue
        found.append({"sid": sid, "eid": number, "quote": str(quote) if quote else _quote(text)})
    return found


def _quote(text: str) -> str:
    """What to quote of an event: of a command the command, else the text from its beginning."""
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if isinstance(given, dict) and isinstance(given.get("command"), str):
        text = given["command"]
    return text.rstrip("…")[:QUOTE_MAX].strip()


# Reduce: one cluster's operations


def operations(found: list[Json], entries: list[Json]) -> list[Json]:
    if not found:
        return []
    when, text = _wording(found)
    if any(_already_says(entry, when, text) for entry in entries):
        return [{"op": "NOOP"}]
    first = found[0]
    names = [claim["id"] for claim in found if "id" in claim]
    return [{"op": "ADD", "path": _path(first), "text": f"when {when} → {text}", "claims": names}]


def _wording(found: list[Json]) -> tuple[str, str]:
    """What most claims say; where a fix was seen, what most of those say, and in how many sessions it was."""
    mended = [claim for claim in found if claim.get("fix")]
    wording = Counter((claim.get("when", ""), claim.get("claim", "")) for claim in mended or found)
    when, text = min(wording, key=lambda pair: (-wording[pair], pair))
    said = next(claim for claim in mended or found if (claim.get("when", ""), claim.get("claim", "")) == (when, text))
    if mended and said.get("kind") == "pitfall":
        counted = f"in {said['fix'].get('sessions')} of {said.get('sessions')} sessions"
        text = text.replace("; a later call", f"; {counted} a later call", 1)
    return when, text


def _already_says(entry: Json, when: str, text: str) -> bool:
    said = str(entry.get("text", ""))
    spans = re.findall(r"`([^`]+)`", f"{when} {text}")
    return bool(spans) and all(span in said for span in spans)


def _path(claim: Json) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", str(claim.get("tool") or "general").lower()).strip("-") or "general"
    return f"/{FOLDERS.get(str(claim.get('kind')), 'facts')}/{name}.md"
