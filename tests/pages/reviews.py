"""A store with entries and proposals about them, as a dream would leave them, in the words of a test."""

from typing import Any

from agents.actors import Actor
from agents.models import Session
from dreams.entries import entries_hash, parse_file
from dreams.models import Dream, Lane, Proposal, Review
from memory.models import Memory, MemoryStore
from tests.dreams.dreaming import session_of, store_of

PATH = "/workarounds/zorp.md"
OLD = "- [w-aaaa] when `zorp` is run on `*.kel` → add `--slow`"
NEIGHBOUR = "- [w-bbbb] when `blik` is called → drop `-x`"
NEW = "- [w-cccc] when `zorp` reads `*.kel` → add `--compat` (2 principals, 2 sessions, last 2026-11-02)"
FILES = {PATH: f"# zorp\n\n{OLD}\n{NEIGHBOUR}\n"}
QUOTE = "zorp: bad header <b>"


def make_store(actor: Actor) -> MemoryStore:
    return store_of(actor, FILES)


def make_session(actor: Actor) -> Session:
    """A session in which `zorp` failed once; its error is event `sevt_error`."""
    return session_of(
        actor,
        [
            {"id": "sevt_ask", "type": "user.message", "content": [{"type": "text", "text": "Sum the column."}]},
            {"id": "sevt_call", "type": "agent.tool_use", "name": "bash", "input": {"command": "zorp data.kel"}},
            {
                "id": "sevt_error",
                "type": "agent.tool_result",
                "tool_use_id": "sevt_call",
                "is_error": True,
                "content": [{"type": "text", "text": QUOTE}],
            },
            {"id": "sevt_said", "type": "agent.message", "content": [{"type": "text", "text": "<script>x</script>"}]},
        ],
    )


def make_proposal(
    actor: Actor, store: MemoryStore, *ids: str, kind: str = "add", after: str = NEW, **columns: Any
) -> Proposal:
    """A pending proposal of the store's one dream; `ids` are the entries of the file that it addresses."""
    review = Review.objects.filter(store=store).first() or _make_review(actor, store)
    content = Memory.objects.get(store=store, path=PATH).content
    entries = [entry for entry in parse_file(PATH, content).entries if entry.id in ids]
    return Proposal.objects.create(
        workspace=actor.workspace,
        review=review,
        store=store,
        position=review.proposals.count(),
        kind=kind,
        targets=[{"entry_id": e.id, "path": e.path, "sha256": e.sha256, "text": e.text} for e in entries],
        before="\n".join(entry.text for entry in entries),
        after=after,
        base_sha256=entries_hash(entries),
        updated_at=store.updated_at,
        **{"path": PATH, "lane": Lane.REVIEW, "reason": "It was seen to work.", **columns},
    )


def add_evidence(proposal: Proposal, session: Session) -> None:
    proposal.evidence.create(
        position=0,
        session_id=session.pk,
        event_id="sevt_error",
        event_type="agent.tool_result",
        quote=QUOTE,
        speaker="tool_error bash",
        trust=1,
        principal="ann",
    )


def seen(proposal: Proposal) -> dict[str, Any]:
    """What the page's forms carry along."""
    return {"base_sha256": proposal.base_sha256, "revision": proposal.revision}


def _make_review(actor: Actor, store: MemoryStore) -> Review:
    dream = Dream.objects.create(
        workspace=actor.workspace,
        input_store_id=store.pk,
        input_session_ids=["sesn_1"],
        model={"id": "m"},
        status="completed",
        is_practice=True,
    )
    return Review.objects.create(workspace=actor.workspace, dream=dream, store=store)
