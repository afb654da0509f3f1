"""PURE: what code lets through of what a model would do about a cluster: typed operations on entries it was shown."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dreams.claims import Claim, Dropped
from dreams.clusters import Cluster, suggested_path
from dreams.entries import Entry
from dreams.limits import (
    ENTRIES_SHOWN_TO_REDUCE_MAX,
    OPERATIONS_PER_CLUSTER_MAX,
)
from dreams.literals import literals
from dreams.reduce_request import OperationIn, Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation on named entries, resting on the claims of one cluster, or on a reason that code found."""

    op: Verb
    cluster: Cluster | None = None
    claims: tuple[Claim, ...] = ()
    path: str = ""
    text: str = ""
    ids: tuple[str, ...] = ()
    when: str = ""
    why: str = ""
    code_reason: str = ""


def touched_entries(cluster: Cluster, entries: Sequence[Entry]) -> list[Entry]:
    """The entries that speak of the cluster's program and scope or error, or that its claims name."""
    named = {name.rpartition("#")[2] for claim in cluster.claims for name in claim.touches}
    found = [entry for entry in entries if entry.id in named or _speaks_of(entry, cluster)]
    return found[:ENTRIES_SHOWN_TO_REDUCE_MAX]


def _speaks_of(entry: Entry, cluster: Cluster) -> bool:
    claim = cluster.first
    if not claim.program:
        shared = set(literals(entry.body)) & {text for c in cluster.claims for text in literals(f"{c.when} {c.text}")}
        return bool(shared) and entry.kind == cluster.kind
    spans = set(re.findall(r"`([^`]+)`", entry.body))
    return claim.program in spans and (not claim.scope or claim.scope in spans or "*." not in entry.body)


def read_operations(
    raw: Sequence[Any], cluster: Cluster, entries: Sequence[Entry]
) -> tuple[list[Operation], list[Dropped]]:
    """The operations that name claims and entries which were shown; others are dropped with the reason."""
    kept: list[Operation] = []
    dropped: list[Dropped] = []
    for i, item in enumerate(raw):
        label = f"operation {i + 1}"
        try:
            given = OperationIn.model_validate(item)
        except ValidationError as error:
            dropped.append(Dropped(what=label, why=f"form: {error.errors(include_url=False)[0]['msg']}"))
            continue
        problem = _problem(given, cluster, entries) if i < OPERATIONS_PER_CLUSTER_MAX else "too many operations"
        if problem:
            dropped.append(Dropped(what=f"{label} {given.op}", why=problem))
        elif given.op != "NOOP":
            kept.append(_operation(given, cluster, entries))
    return kept, dropped


def _problem(given: OperationIn, cluster: Cluster, entries: Sequence[Entry]) -> str:
    unknown = [name for name in given.claims if name not in cluster.names]
    if unknown:
        return f"rests on the claim {unknown[0][:40]!r}, which does not exist"
    for name in _targets(given):
        if not (found := _shown_as(name, entries)):
            return f"touches the entry {name[:40]!r}, which it was not shown"
        if len(found) > 1:
            return f"touches the entry {name[:40]!r}, and was shown {len(found)} of that name"
    if given.op != "ADD" and given.op != "NOOP" and not _targets(given):
        return "names no entry"
    if given.op == "MERGE" and len(_targets(given)) < 2:
        return "merges fewer than two entries"
    if given.op in ("ADD", "SUPERSEDE", "RETIRE", "NARROW") and not given.claims:
        return "rests on no claim"
    if given.op in ("ADD", "SUPERSEDE", "MERGE") and not given.text.strip():
        return "has no text"
    if given.op == "NARROW" and not given.when.strip():
        return "does not say to what the entry is narrowed"
    if given.op == "MOVE" and not given.path:
        return "does not say where to"
    return ""


def _targets(given: OperationIn) -> list[str]:
    return list(dict.fromkeys([*given.ids, *([given.id] if given.id else [])]))


def _shown_as(name: str, entries: Sequence[Entry]) -> list[Entry]:
    """The entries that a model can mean by a name: `x`, or `/path#x` where several files have an `x`."""
    path, _, entry_id = name.rpartition("#")
    found = [entry for entry in entries if entry.id == entry_id]
    return [entry for entry in found if entry.path == path] if path and len(found) > 1 else found


def _operation(given: OperationIn, cluster: Cluster, entries: Sequence[Entry]) -> Operation:
    targets = [_shown_as(name, entries)[0] for name in _targets(given)]
    return Operation(
        op=given.op,
        cluster=cluster,
        claims=tuple(cluster.names[name] for name in given.claims),
        path=given.path,
        text=given.text.strip(),
        ids=tuple(dict.fromkeys(f"{entry.path}#{entry.id}" for entry in targets)),
        when=given.when.strip(),
        why=given.why.strip(),
    )


def quarantine_operation(cluster: Cluster) -> Operation:
    """A tainted cluster asks no model: it is shown to a person as it came."""
    claim = cluster.first
    return Operation(
        op="ADD",
        cluster=cluster,
        claims=cluster.claims,
        path=suggested_path(cluster),
        text=f"when {claim.when} → {claim.text}",
    )
