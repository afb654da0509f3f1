"""PURE: operations and a store become changes to single entries; the conservation laws hold, or the dream fails.

1. Every entry ends kept, merged, superseded or retired. 2. A merge that would lose a literal says which. 3. What is new
rests on verified cites, or on a reason that code found. 4. Read-only tiers stay as they are. 5. Dreaming the same again
changes nothing, and the order of sessions does not matter. 6. A dream that shrinks the store too much is held.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dreams.changes import Change, check_conservation, shrinks
from dreams.claims import Claim, Dropped
from dreams.clusters import Cluster, suggested_path
from dreams.entries import (
    FOLDERS,
    Entry,
    all_entries,
    entry_line,
    parse_file,
)
from dreams.limits import (
    ENTRY_MAX_CHARS,
    FILE_MAX_BYTES,
)
from dreams.literals import holds, literals
from dreams.operations import Operation
from dreams.risks import REJECT, scan
from dreams.sameness import (
    contradicts,
    duplicate_key,
    duplicate_key_of,
    duplicates,
    id_candidates,
    known_as,
    mentions,
    near_duplicates,
)
from dreams.wording import edits_in_words, where

_PATH = re.compile(rf"^/(?:{'|'.join(FOLDERS.values())})/[a-z0-9][a-z0-9._-]{{0,80}}\.md$")
_LEADING_ID = re.compile(r"^\s*(?:[-*]\s+)?(?:\[[wpfrk]-[a-z0-9]{3,8}\]\s+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    changes: tuple[Change, ...]
    dropped: tuple[Dropped, ...] = ()
    is_shrinking: bool = False


@dataclass(slots=True, kw_only=True)
class _State:
    files: Mapping[str, str]
    entries: list[Entry]
    authoritative: Sequence[Entry]
    quote_errors: bool
    touched: set[tuple[str, str]] = field(default_factory=set)
    used_ids: set[str] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)


def compile_changes(
    operations: Iterable[Operation],
    files: Mapping[str, str],
    *,
    authoritative: Sequence[Entry] = (),
    quote_errors: bool = True,
) -> Compiled:
    """The changes that the operations make to a store. `authoritative` are the entries of read-only tiers, which win
    over what a working store says; `quote_errors` adds the error text to typed lessons, for a person's eyes."""
    entries = all_entries(files)
    state = _State(files=files, entries=entries, authoritative=authoritative, quote_errors=quote_errors)
    state.used_ids = {entry.id for entry in entries}
    state.sizes = {path: len(content.encode()) for path, content in files.items()}
    for operation in [*_code_operations(entries, authoritative), *sorted(operations, key=_order)]:
        _compile(operation, state)
    changes = tuple(state.changes)
    check_conservation(files, changes)
    return Compiled(changes=changes, dropped=tuple(state.dropped), is_shrinking=shrinks(files, changes))


def _order(operation: Operation) -> tuple[str, ...]:
    """What came from a tainted source never takes the place of what did not."""
    key = operation.cluster.key if operation.cluster else ""
    tainted = "1" if operation.cluster and operation.cluster.is_tainted else "0"
    return (tainted, key, operation.op, *operation.ids, operation.path, operation.text)


def _code_operations(entries: Sequence[Entry], authoritative: Sequence[Entry]) -> list[Operation]:
    """Merges of exact duplicates; the retiring of what a read-only tier contradicts and of what no entry may hold."""
    merges = [
        Operation(
            op="MERGE",
            ids=tuple(_address(e) for e in group),
            text=group[0].body,
            code_reason="They say exactly the same.",
        )
        for group in duplicates(entries)
    ]
    retired = [
        Operation(
            op="RETIRE", ids=(_address(entry),), code_reason=f"It contradicts a read-only store: {other.body[:200]}"
        )
        for entry in entries
        for other in authoritative
        if contradicts(entry, other)
    ]
    unfit = [
        Operation(op="RETIRE", ids=(_address(entry),), code_reason=f"No memory may hold this: {found[0]}")
        for entry in entries
        if (found := [finding.message for finding in scan(entry.text) if finding.severity == REJECT])
    ]
    return [*unfit, *merges, *retired]


def _address(entry: Entry) -> str:
    return f"{entry.path}#{entry.id}"


def _compile(operation: Operation, state: _State) -> None:
    targets = _targets(operation, state)
    label = f"{operation.op} {' '.join(operation.ids) or operation.path}".strip()
    if len(targets) != len(operation.ids):
        state.dropped.append(Dropped(what=label, why="an entry that it touches is not in the store"))
        return
    if any((entry.path, entry.id) in state.touched for entry in targets):
        state.dropped.append(Dropped(what=label, why="another operation of this dream already changes that entry"))
        return
    change = _MAKERS[operation.op](operation, targets, state)
    if isinstance(change, Dropped):
        state.dropped.append(change)
        return
    state.touched |= {(entry.path, entry.id) for entry in targets}
    state.used_ids.add(change.entry_id)
    state.sizes[change.path] = state.sizes.get(change.path, 0) + len(change.after.encode()) + 1
    state.changes.append(change)


def _targets(operation: Operation, state: _State) -> tuple[Entry, ...]:
    found = []
    for name in operation.ids:
        path, _, entry_id = name.rpartition("#")
        match = [e for e in state.entries if e.id == entry_id and (not path or e.path == path)]
        found += match[:1]
    return tuple(found)


def _add(operation: Operation, targets: tuple[Entry, ...], state: _State) -> Change | Dropped:
    cluster = operation.cluster
    if cluster is None:
        return Dropped(what="ADD", why="rests on no cluster")
    body = _body_of(operation, cluster, state)
    known = known_as(cluster, body, state.entries)
    if known is not None:
        return _superseding_own(operation, cluster, body, known, state)
    twin = next(
        (c for c in state.changes if c.op == "add" and duplicate_key_of(c.after) == duplicate_key_of(body)), None
    )
    if twin is not None:
        return Dropped(what="ADD", why=f"the same text is already added as {twin.entry_id}")
    entry_id = _new_id(cluster, state.used_ids)
    return _change(
        operation, (), state, op="add", entry_id=entry_id, path=_path_for(operation, cluster, state), body=body
    )


def _superseding_own(
    operation: Operation, cluster: Cluster, body: str, known: Entry, state: _State
) -> Change | Dropped:
    """What an earlier dream wrote about this case is left alone unless the cure is now another one."""
    if cluster.fix is None or mentions(known.body, cluster.fix) or (known.path, known.id) in state.touched:
        return Dropped(what="ADD", why=f"the entry {known.id} already says so")
    state.touched.add((known.path, known.id))
    return _change(operation, (known,), state, op="supersede", entry_id=known.id, path=known.path, body=body)


def _merge(operation: Operation, targets: tuple[Entry, ...], state: _State) -> Change | Dropped:
    body = _clean(operation.text)
    missing = [text for entry in targets for text in literals(entry.body) if not holds(body, text)]
    return _change(
        operation, targets, state, op="merge", entry_id=targets[0].id, path=targets[0].path, body=body, missing=missing
    )


def _supersede(operation: Operation, targets: tuple[Entry, ...], state: _State) -> Change | Dropped:
    cluster = operation.cluster
    if cluster is None:
        return Dropped(what="SUPERSEDE", why="rests on no cluster")
    body = _body_of(operation, cluster, state)
    if duplicate_key_of(body) == duplicate_key(targets[0]):
        return Dropped(what=f"SUPERSEDE {targets[0].id}", why="the entry already says so")
    return _change(
        operation, targets[:1], state, op="supersede", entry_id=targets[0].id, path=targets[0].path, body=body
    )


def _retire(operation: Operation, targets: tuple[Entry, ...], state: _State) -> Change | Dropped:
    return _change(operation, targets[:1], state, op="retire", entry_id=targets[0].id, path=targets[0].path, body="")


def _move(operation: Operation, targets: tuple[Entry, ...], state: _State) -> Change | Dropped:
    entry = targets[0]
    if not _PATH.match(operation.path) or operation.path == entry.path or not _is_entry_file(operation.path, state):
        return Dropped(what=f"MOVE {entry.id}", why=f"cannot go to {operation.path[:100]!r}")
    return _change(operation, targets[:1], state, op="move", entry_id=entry.id, path=operation.path, body=entry.body)


def _narrow(operation: Operation, targets: tuple[Entry, ...], state: _State) -> Change | Dropped:
    entry = targets[0]
    _, arrow, action = entry.body.partition(" → ")
    if not arrow:
        return Dropped(what=f"NARROW {entry.id}", why="the entry names no condition")
    when = re.sub(r"^when\s+", "", _clean(operation.when), flags=re.IGNORECASE)
    body = f"when {when} → {action}"
    return _change(operation, targets[:1], state, op="narrow", entry_id=entry.id, path=entry.path, body=body)


_MAKERS = {"ADD": _add, "MERGE": _merge, "SUPERSEDE": _supersede, "RETIRE": _retire, "MOVE": _move, "NARROW": _narrow}


def _change(
    operation: Operation,
    targets: tuple[Entry, ...],
    state: _State,
    *,
    op: str,
    entry_id: str,
    path: str,
    body: str,
    missing: Sequence[str] = (),
) -> Change | Dropped:
    cluster = operation.cluster
    claims = _claims_behind(operation)
    if not claims and not operation.code_reason and op not in ("move", "merge"):
        return Dropped(what=f"{op} {entry_id}", why="rests on no verified claim")
    after = _line(op, entry_id, body, claims, targets)
    if len(after) > ENTRY_MAX_CHARS:
        return Dropped(what=f"{op} {entry_id}", why=f"longer than {ENTRY_MAX_CHARS} characters")
    typed = cluster is not None and cluster.fix is not None and body == typed_body(cluster, state.quote_errors)
    return Change(
        op=op,
        topic=cluster.kind if cluster else targets[0].kind,
        path=path,
        entry_id=entry_id,
        targets=targets,
        after=after,
        cluster_key=cluster.key if cluster else "",
        claims=claims,
        counter=cluster.others if cluster else (),
        reason=_reason(operation, cluster),
        code_reason=operation.code_reason,
        is_typed=typed,
        fix=cluster.fix if cluster and typed else None,
        tainted_by=next((claim.tainted_by for claim in claims if claim.tainted_by), ""),
        missing=tuple(dict.fromkeys(missing)),
        novel=() if typed or op in ("move", "retire") else _novel(_uncounted(body, cluster), claims, targets),
        conflicts=_conflicts(after, targets, state) if body else (),
        alike=_alike(after, targets, state) if body else (),
    )


def _claims_behind(operation: Operation) -> tuple[Claim, ...]:
    """Of a mined case every claim of the cluster: they are the same case; else the ones that the operation names."""
    cluster = operation.cluster
    if cluster is None or not operation.claims:
        return operation.claims
    return cluster.claims if cluster.first.signature or cluster.first.tools else operation.claims


def _line(op: str, entry_id: str, body: str, claims: Sequence[Claim], targets: Sequence[Entry]) -> str:
    if op == "retire":
        return ""
    if op == "move":
        return targets[0].text
    if not claims:
        return (
            targets[0].text
            if targets and duplicate_key_of(body) == duplicate_key(targets[0])
            else entry_line(entry_id, body)
        )
    return entry_line(
        entry_id,
        body,
        principals=len({claim.principal for claim in claims}),
        sessions=len({claim.session_id for claim in claims}),
        last=max((claim.at[:10] for claim in claims), default=""),
    )


def _body_of(operation: Operation, cluster: Cluster, state: _State) -> str:
    return typed_body(cluster, state.quote_errors) if cluster.fix is not None else _clean(operation.text)


def typed_body(cluster: Cluster, quote_error: bool = True) -> str:
    """A typed lesson in the words of this template alone: nothing that a model or a tool said gets a voice in it."""
    claim, fix = cluster.first, cluster.fix
    if fix is None:
        return ""
    body = f"when {where(claim.program, claim.scope)} → {edits_in_words(fix)}"
    error = claim.signature.replace("`", "'")[:120]
    return body + (f"; without it: `{error}`" if quote_error and error else "")


def _clean(text: str) -> str:
    """A model's text as one entry's body: one line, no id and no counts of its own."""
    line = re.sub(r"\s+", " ", text).strip()
    return re.sub(r" \(\d+ (?:principals?|sessions?)[^()]*\)$", "", _LEADING_ID.sub("", line, count=1)).strip()


def _reason(operation: Operation, cluster: Cluster | None) -> str:
    if operation.code_reason:
        return operation.code_reason
    if cluster is None:
        return operation.why or "Proposed by the dream."
    sessions, principals = len(cluster.sessions), len(cluster.principals)
    seen = f"{sessions} session{'s' * (sessions != 1)} of {principals} principal{'s' * (principals != 1)}"
    if cluster.kind == "workaround":
        text = f"The failing call worked in {seen} once it was changed this way."
    elif cluster.first.signature:
        text = f"The same error was met in {seen}."
    elif cluster.kind == "workflow":
        text = f"The same steps did the job in {seen}."
    else:
        text = f"It rests on {seen}."
    return f"{text} {operation.why}".strip()


def _uncounted(body: str, cluster: Cluster | None) -> str:
    """The text without the counts that code knows to be true."""
    for count in cluster.counts if cluster else ():
        body = body.replace(count, " ")
    return body


def _novel(body: str, claims: Sequence[Claim], targets: Sequence[Entry]) -> tuple[str, ...]:
    """Literals that neither a claim, a quote, code's own findings nor the entries being changed show."""
    texts = [
        text for claim in claims for text in (claim.when, claim.text, claim.signature, claim.scope, claim.error_line)
    ]
    texts += [cite.quote for claim in claims for cite in claim.cited] + [entry.body for entry in targets]
    texts += [word for claim in claims for word in (claim.program, claim.tool, *claim.tools)]
    return tuple(literal for literal in literals(body) if not any(holds(text, literal) for text in texts))


def _conflicts(after: str, targets: Sequence[Entry], state: _State) -> tuple[str, ...]:
    new = Entry(id="new", path="", text=after)
    return tuple(_address(entry) for entry in _others(targets, state) if contradicts(new, entry))


def _alike(after: str, targets: Sequence[Entry], state: _State) -> tuple[str, ...]:
    new = Entry(id="new", path="", text=after)
    found = near_duplicates(new, _others(targets, state))
    return tuple(_address(entry) for entry in found if not contradicts(new, entry))


def _others(targets: Sequence[Entry], state: _State) -> list[Entry]:
    """What the memory says besides the entries that change, read-only tiers included."""
    return [entry for entry in [*state.entries, *state.authoritative] if entry not in targets]


def _new_id(cluster: Cluster, used: set[str]) -> str:
    return next(name for name in id_candidates(cluster) if name not in used)


def _path_for(operation: Operation, cluster: Cluster, state: _State) -> str:
    """The file that the operation names where it may be written, else the usual one; a full file gets a follower."""
    wanted = operation.path if _PATH.match(operation.path) else suggested_path(cluster)
    stem = wanted.removesuffix(".md")
    for number in range(1, 200):
        path = wanted if number == 1 else f"{stem}-{number}.md"
        if _is_entry_file(path, state) and state.sizes.get(path, 0) + ENTRY_MAX_CHARS <= FILE_MAX_BYTES:
            return path
    return f"{stem}-200.md"


def _is_entry_file(path: str, state: _State) -> bool:
    """Not a text that somebody wrote as a whole: an entry inside it would change what its one entry is."""
    return path not in state.files or parse_file(path, state.files[path]).is_structured
