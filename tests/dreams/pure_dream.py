"""A whole dream without tables: digests in, changes with their lanes out; the model is whatever answers a request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agents.practice import dreamer
from dreams import claims, map_request, operations, reduce_request
from dreams.changes import Change
from dreams.clusters import cluster_claims
from dreams.compiler import Compiled, compile_changes
from dreams.digest import Digest, SourceEvent, digest_session
from dreams.entries import all_entries
from dreams.gate import Rules, Ruling, judge_all
from dreams.mining import mine, shared_sequences

Model = Callable[[dict[str, Any]], Any]


@dataclass
class Dreamt:
    compiled: Compiled
    rulings: list[Ruling]
    dropped: list[claims.Dropped]
    claims: list[claims.Claim]

    @property
    def changes(self) -> tuple[Change, ...]:
        return self.compiled.changes

    def lanes(self) -> list[str]:
        return [ruling.lane for ruling in self.rulings]


def practice(request: dict[str, Any]) -> Any:
    return dreamer.reply(request)


def digest_of(
    events: Sequence[dict[str, Any]],
    *,
    session_id: str = "sesn_1",
    principal: str = "ann",
    verdict: str | None = "completed",
    operator: bool = False,
    tools: frozenset[str] = frozenset(),
) -> Digest:
    return digest_session(
        session_id=session_id,
        principal=principal,
        verdict=verdict,
        events=[SourceEvent(payload=event, is_operator=operator) for event in events],
        declared_tools=tools,
        key=b"test key",
        ended_at="2026-11-02T10:00:00Z",
    )


def dream(
    digests: Sequence[Digest],
    files: Mapping[str, str] | None = None,
    *,
    model: Model = practice,
    rules: Rules = Rules(),  # noqa: B008 (frozen)
    quote_errors: bool = True,
) -> Dreamt:
    files = files or {}
    shared = shared_sequences(digests)
    kept: list[claims.Claim] = []
    dropped: list[claims.Dropped] = []
    for digest in digests:
        hints = [*mine(digest), *shared.get(digest.session_id, [])]
        answer = model(map_request.request_body(digest, hints, model="practice", fence="f3nce"))
        verified, refused = claims.verify(map_request.parse(answer), digest, hints)
        kept += verified
        dropped += refused
    planned = []
    entries = all_entries(files)
    for cluster in cluster_claims(kept):
        if cluster.is_tainted:
            planned.append(operations.quarantine_operation(cluster))
            continue
        shown = operations.touched_entries(cluster, entries)
        answer = model(reduce_request.request_body(cluster, shown, model="practice"))
        read, refused = operations.read_operations(reduce_request.parse(answer), cluster, shown)
        planned += read
        dropped += refused
    compiled = compile_changes(planned, files, quote_errors=quote_errors)
    by_session = {digest.session_id: digest for digest in digests}
    rulings = judge_all(compiled.changes, [_rules(change, rules, by_session) for change in compiled.changes])
    return Dreamt(compiled=compiled, rulings=rulings, dropped=[*dropped, *compiled.dropped], claims=kept)


def _rules(change: Change, rules: Rules, digests: Mapping[str, Digest]) -> Rules:
    texts = [
        event.full
        for session in change.sessions
        for event in digests[session].events
        if event.trust == 0 and not event.is_agent_prose
    ]
    return replace(rules, untrusted_texts=tuple(texts))
