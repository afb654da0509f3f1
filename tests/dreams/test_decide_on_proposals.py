"""Approving, editing, rejecting and undoing: what reaches the store, what is recorded, who wins."""

import threading
from typing import Any

import pytest
from django.db import connection, connections

from agents.actors import Actor
from agents.exceptions import DomainError, InvalidRequest, PermissionDenied
from agents.models import Member
from dreams import promotion, reviewing
from dreams.entries import entries_hash, parse_file
from dreams.exceptions import ReviewConflict
from dreams.models import Decision, Dream, Lane, Proposal, ProposalStatus, Review
from memory.models import Memory, MemoryStore, MemoryVersion
from memory.services import archive_store, delete_memory, update_memory
from tests.dreams.dreaming import current_base, files_in, store_of

PATH = "/workarounds/zorp.md"
OLD = "- [w-aaaa] when `zorp` is run on `*.kel` → add `--slow`"
NEIGHBOUR = "- [w-bbbb] when `blik` is called → drop `-x`"
FILE = f"# zorp\n\n{OLD}\nA free line.\n{NEIGHBOUR}\n"
NEW = "- [w-cccc] when `zorp` is run on `*.kel` → add `--compat` (2 principals, 2 sessions, last 2026-11-02)"


@pytest.fixture
def store(actor: Actor) -> MemoryStore:
    return store_of(actor, {PATH: FILE})


@pytest.fixture
def rita_actor(rita: Member) -> Actor:
    return Actor(workspace=rita.workspace, member=rita)


def propose(actor: Actor, store: MemoryStore, kind: str, after: str = "", *ids: str, **columns: Any) -> Proposal:
    review = Review.objects.filter(store=store).first()
    if review is None:
        dream = Dream.objects.create(
            workspace=actor.workspace,
            input_store_id=store.pk,
            input_session_ids=["sesn_1"],
            model={"id": "m"},
            status="completed",
        )
        review = Review.objects.create(workspace=actor.workspace, dream=dream, store=store)
    files = files_in(store)
    entries = [entry for path in files for entry in parse_file(path, files[path]).entries if entry.id in ids]
    entries.sort(key=lambda entry: ids.index(entry.id))
    proposal = Proposal.objects.create(
        workspace=actor.workspace,
        review=review,
        store=store,
        position=review.proposals.count(),
        kind=kind,
        path=columns.pop("path", PATH),
        targets=[{"entry_id": e.id, "path": e.path, "sha256": e.sha256, "text": e.text} for e in entries],
        before="\n".join(entry.text for entry in entries),
        after=after,
        base_sha256=entries_hash(entries),
        reason="It was seen to work.",
        updated_at=store.updated_at,
        **{"lane": Lane.REVIEW, **columns},
    )
    proposal.evidence.create(
        position=0, session_id="sesn_1", event_id="sevt_1", event_type="agent.tool_result",
        quote="zorp: bad header", speaker="tool_error bash", trust=1, principal="ann",
    )  # fmt: skip
    return proposal


def write(store: MemoryStore, content: str, actor: Actor, path: str = PATH) -> None:
    update_memory(Memory.objects.get(store=store, path=path), content=content, actor=actor)


def test_approving_an_addition_writes_one_line_and_leaves_the_rest_alone(actor: Actor, store: MemoryStore) -> None:
    reviewing.approve_proposal(propose(actor, store, "add", NEW), actor=actor)
    assert files_in(store)[PATH] == FILE + NEW + "\n"


def test_the_new_version_names_proposal_dream_reviewer_and_evidence(actor: Actor, store: MemoryStore) -> None:
    proposal = reviewing.approve_proposal(propose(actor, store, "add", NEW), actor=actor)
    head = Memory.objects.get(store=store, path=PATH).head_version_id
    version = MemoryVersion.objects.get(pk=head)
    assert version.proposal_id == proposal.pk
    assert version.provenance == {
        "proposal_id": proposal.pk,
        "dream_id": proposal.review.dream_id,
        "review_id": proposal.review_id,
        "reviewer_id": actor.id,
        "evidence": [{"session_id": "sesn_1", "event_id": "sevt_1"}],
    }
    assert (proposal.applied or {})["memory_id"] == version.memory_id


def test_approving_leaves_two_records(actor: Actor, store: MemoryStore) -> None:
    proposal = reviewing.approve_proposal(propose(actor, store, "add", NEW), actor=actor)
    assert [d.verb for d in proposal.decisions.all()] == ["approve", "apply"]
    assert proposal.decisions.get(verb="approve").member == actor.member
    assert proposal.status == ProposalStatus.APPLIED


def test_the_index_lists_the_file_afterwards(actor: Actor, store: MemoryStore) -> None:
    reviewing.approve_proposal(propose(actor, store, "add", NEW, path="/workarounds/new.md"), actor=actor)
    assert "- `/workarounds/new.md`: 1 entry" in files_in(store)["/_index.md"]
    assert files_in(store)["/workarounds/new.md"] == f"# new\n\n{NEW}\n"


@pytest.mark.parametrize(
    ("kind", "after", "ids", "expected"),
    [
        ("supersede", OLD.replace("--slow", "--fast"), ("w-aaaa",), FILE.replace("--slow", "--fast")),
        ("narrow", OLD.replace("*.kel", "*.big.kel"), ("w-aaaa",), FILE.replace("*.kel", "*.big.kel")),
        ("retire", "", ("w-bbbb",), FILE.replace(NEIGHBOUR + "\n", "")),
        ("merge", OLD, ("w-aaaa", "w-bbbb"), FILE.replace(NEIGHBOUR + "\n", "")),
    ],
)  # fmt: skip
def test_each_kind_changes_its_entries_alone(
    actor: Actor, store: MemoryStore, kind: str, after: str, ids: tuple[str, ...], expected: str
) -> None:
    reviewing.approve_proposal(propose(actor, store, kind, after, *ids), actor=actor)
    assert files_in(store)[PATH] == expected


@pytest.mark.parametrize(
    ("kind", "after", "ids"),
    [
        ("add", NEW, ()),
        ("supersede", OLD.replace("--slow", "--fast"), ("w-aaaa",)),
        ("retire", "", ("w-bbbb",)),
        ("merge", OLD, ("w-aaaa", "w-bbbb")),
        ("move", NEIGHBOUR, ("w-bbbb",)),
    ],
)
def test_undo_brings_every_entry_back(
    actor: Actor, store: MemoryStore, kind: str, after: str, ids: tuple[str, ...]
) -> None:
    path = "/workarounds/blik.md" if kind == "move" else PATH
    proposal = reviewing.approve_proposal(propose(actor, store, kind, after, *ids, path=path), actor=actor)
    reviewing.undo_decision(proposal, actor=actor)
    found = files_in(store)
    assert sorted(entry.text for entry in parse_file(PATH, found[PATH]).entries) == sorted([OLD, NEIGHBOUR])
    assert set(found) <= {PATH, "/_index.md"}
    assert proposal.decisions.get(verb="undo").to_status == ProposalStatus.PENDING
    assert proposal.status == ProposalStatus.PENDING


def test_moving_takes_the_entry_to_its_new_file(actor: Actor, store: MemoryStore) -> None:
    target = "/workarounds/blik.md"
    reviewing.approve_proposal(propose(actor, store, "move", NEIGHBOUR, "w-bbbb", path=target), actor=actor)
    assert NEIGHBOUR not in files_in(store)[PATH]
    assert files_in(store)[target] == f"# blik\n\n{NEIGHBOUR}\n"


def test_undo_works_after_three_later_edits_and_a_later_proposal(actor: Actor, store: MemoryStore) -> None:
    proposal = reviewing.approve_proposal(propose(actor, store, "add", NEW), actor=actor)
    write(store, files_in(store)[PATH].replace("A free line.", "Another line."), actor)
    write(store, files_in(store)[PATH] + "- [w-dddd] when `x` is called → add `-y`\n", actor)
    write(store, "Words above.\n" + files_in(store)[PATH], actor)
    later = propose(actor, store, "retire", "", "w-bbbb")
    reviewing.approve_proposal(later, actor=actor)
    reviewing.undo_decision(proposal, actor=actor)
    text = files_in(store)[PATH]
    assert NEW not in text
    assert text.startswith("Words above.\n")
    assert "Another line." in text
    assert "w-dddd" in text
    assert NEIGHBOUR not in text


def test_undo_finds_an_entry_whose_file_was_renamed(actor: Actor, store: MemoryStore) -> None:
    proposal = reviewing.approve_proposal(propose(actor, store, "add", NEW), actor=actor)
    update_memory(Memory.objects.get(store=store, path=PATH), path="/workarounds/other.md", actor=actor)
    reviewing.undo_decision(proposal, actor=actor)
    assert files_in(store)["/workarounds/other.md"] == FILE


def test_undo_puts_an_entry_back_into_a_file_that_is_gone(actor: Actor, store: MemoryStore) -> None:
    proposal = reviewing.approve_proposal(propose(actor, store, "retire", "", "w-bbbb"), actor=actor)
    delete_memory(Memory.objects.get(store=store, path=PATH), actor=actor)
    reviewing.undo_decision(proposal, actor=actor)
    assert files_in(store)[PATH] == f"# zorp\n\n{NEIGHBOUR}\n"


def test_undo_of_an_entry_that_somebody_rewrote_shows_both_texts(actor: Actor, store: MemoryStore) -> None:
    changed = OLD.replace("--slow", "--fast")
    proposal = reviewing.approve_proposal(propose(actor, store, "supersede", changed, "w-aaaa"), actor=actor)
    write(store, files_in(store)[PATH].replace("--fast", "--mine"), actor)
    with pytest.raises(ReviewConflict) as conflict:
        reviewing.undo_decision(proposal, actor=actor)
    assert conflict.value.mine == OLD
    assert "--mine" in conflict.value.theirs
    reviewing.undo_decision(proposal, actor=actor, overwrite=True)
    assert OLD in files_in(store)[PATH]


def test_a_refreshed_support_count_is_no_change(actor: Actor, store: MemoryStore) -> None:
    proposal = reviewing.approve_proposal(propose(actor, store, "add", NEW), actor=actor)
    write(store, files_in(store)[PATH].replace("2 principals, 2 sessions", "5 principals, 9 sessions"), actor)
    reviewing.undo_decision(proposal, actor=actor)
    assert files_in(store)[PATH] == FILE


def test_what_was_undone_can_be_approved_again(actor: Actor, store: MemoryStore) -> None:
    proposal = reviewing.approve_proposal(propose(actor, store, "add", NEW), actor=actor)
    reviewing.undo_decision(proposal, actor=actor)
    assert reviewing.approve_proposal(proposal, actor=actor).status == ProposalStatus.APPLIED
    assert NEW in files_in(store)[PATH]


def test_an_edit_keeps_the_id_and_is_told_apart_from_an_approval(actor: Actor, store: MemoryStore) -> None:
    proposal = propose(actor, store, "add", NEW)
    reviewing.edit_and_approve(proposal, "when `zorp` is run on\n`*.kel` → add `--compat=2`", actor=actor)
    proposal.refresh_from_db()
    assert "- [w-cccc] when `zorp` is run on `*.kel` → add `--compat=2`\n" in files_in(store)[PATH]
    assert proposal.final_text != proposal.after
    assert proposal.revision == 2
    assert [d.verb for d in proposal.decisions.all()] == ["edit", "apply"]


@pytest.mark.parametrize("text", ["", "   ", "x" * 700, "hid\u200bden", "<!-- hidden -->", "![x](https://e.vil/a.png)"])
def test_an_edit_that_no_entry_may_hold_is_refused_by_name(actor: Actor, store: MemoryStore, text: str) -> None:
    with pytest.raises(InvalidRequest, match="text:"):
        reviewing.edit_and_approve(propose(actor, store, "add", NEW), text, actor=actor)
    assert files_in(store)[PATH] == FILE


def test_a_rejection_needs_a_reason_and_writes_nothing(actor: Actor, store: MemoryStore) -> None:
    proposal = propose(actor, store, "add", NEW)
    with pytest.raises(InvalidRequest, match="reason"):
        reviewing.reject_proposal(proposal, actor=actor)
    reviewing.reject_proposal(proposal, actor=actor, reason_code="wrong_fact", reason="No.")
    decision = proposal.decisions.get()
    assert (decision.verb, decision.reason_code, decision.reason) == ("reject", "wrong_fact", "No.")
    assert files_in(store)[PATH] == FILE


def test_a_rejection_can_be_taken_back(actor: Actor, store: MemoryStore) -> None:
    proposal = propose(actor, store, "add", NEW)
    reviewing.reject_proposal(proposal, actor=actor, reason_code="other")
    assert reviewing.undo_decision(proposal, actor=actor).status == ProposalStatus.PENDING


def test_approving_a_neighbour_first_makes_nobody_stale(actor: Actor, store: MemoryStore) -> None:
    one = propose(actor, store, "supersede", OLD.replace("--slow", "--fast"), "w-aaaa")
    two = propose(actor, store, "retire", "", "w-bbbb")
    three = propose(actor, store, "add", NEW)
    for proposal in (three, two, one):
        assert reviewing.approve_proposal(proposal, actor=actor).status == ProposalStatus.APPLIED


def test_an_entry_that_changed_meanwhile_is_a_conflict_with_both_texts(actor: Actor, store: MemoryStore) -> None:
    mine = OLD.replace("--slow", "--fast")
    proposal = propose(actor, store, "supersede", mine, "w-aaaa")
    write(store, FILE.replace("--slow", "--theirs"), actor)
    with pytest.raises(ReviewConflict) as conflict:
        reviewing.approve_proposal(proposal, actor=actor)
    assert conflict.value.mine == mine
    assert "--theirs" in conflict.value.theirs
    proposal.refresh_from_db()
    assert proposal.status == ProposalStatus.STALE
    assert "--theirs" in files_in(store)[PATH]


def test_a_stale_proposal_is_approved_against_the_text_that_the_person_has_seen(
    actor: Actor, store: MemoryStore
) -> None:
    proposal = propose(actor, store, "supersede", OLD.replace("--slow", "--fast"), "w-aaaa")
    write(store, FILE.replace("--slow", "--theirs"), actor)
    base = current_base(proposal)
    text = OLD.replace("--slow", "--both")
    reviewing.edit_and_approve(proposal, text, actor=actor, base_sha256=base)
    assert "--both" in files_in(store)[PATH]
    reviewing.undo_decision(proposal, actor=actor)
    assert "--theirs" in files_in(store)[PATH]


def test_an_older_revision_is_a_conflict(actor: Actor, store: MemoryStore) -> None:
    proposal = propose(actor, store, "add", NEW)
    with pytest.raises(ReviewConflict, match="revision 1, not 3"):
        reviewing.approve_proposal(proposal, actor=actor, revision=3)


def test_the_second_decision_is_told_who_was_first(actor: Actor, rita_actor: Actor, store: MemoryStore) -> None:
    proposal = propose(actor, store, "add", NEW)
    reviewing.approve_proposal(proposal, actor=rita_actor)
    with pytest.raises(ReviewConflict, match="rita"):
        reviewing.reject_proposal(proposal, actor=actor, reason_code="other")


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_click_at_once_exactly_one_wins(actor: Actor, rita_actor: Actor) -> None:
    store = store_of(actor, {PATH: FILE})
    proposal = propose(actor, store, "add", NEW)
    start, outcomes = threading.Barrier(2), list[str]()

    def click(who: Actor, text: str) -> None:
        mine = Proposal.objects.get(pk=proposal.pk)
        start.wait()
        try:
            reviewing.edit_and_approve(mine, text, actor=who, revision=1)
            outcomes.append("won")
        except DomainError as error:
            outcomes.append(str(error.status))
        finally:
            connections.close_all()

    people = [threading.Thread(target=click, args=(who, f"when {name} → add `-{name}`"))
              for who, name in ((actor, "a"), (rita_actor, "b"))]  # fmt: skip
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert sorted(outcomes) == ["409", "won"]
    assert files_in(store)[PATH].count("w-cccc") == 1
    assert proposal.decisions.filter(verb="edit").count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_approvals_into_one_file_at_once_all_arrive(actor: Actor) -> None:
    store = store_of(actor, {PATH: FILE})
    made = [propose(actor, store, "add", NEW.replace("w-cccc", f"w-c{n}c{n}")) for n in range(5)]

    def approve(proposal: Proposal) -> None:
        try:
            reviewing.approve_proposal(Proposal.objects.get(pk=proposal.pk), actor=actor)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=approve, args=(proposal,)) for proposal in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {Proposal.objects.get(pk=proposal.pk).status for proposal in made} == {ProposalStatus.APPLIED}
    assert all(f"w-c{n}c{n}" in files_in(store)[PATH] for n in range(5))
    assert connection.vendor in ("sqlite", "postgresql")


def test_a_store_that_refuses_brings_the_proposal_back_with_the_reason(actor: Actor, store: MemoryStore) -> None:
    proposal = propose(actor, store, "add", NEW)
    archive_store(store)
    reviewing.approve_proposal(proposal, actor=actor)
    proposal.refresh_from_db()
    assert proposal.status == ProposalStatus.APPLY_FAILED
    assert proposal.is_waiting
    assert "archived" in proposal.error


def test_what_was_approved_when_its_process_died_is_written_later(actor: Actor, store: MemoryStore) -> None:
    proposal = propose(actor, store, "add", NEW)
    Proposal.objects.filter(pk=proposal.pk).update(status=ProposalStatus.APPROVED, decided_by=actor.member)
    assert reviewing.finish_approved(older_than_seconds=0) == 1
    assert NEW in files_in(store)[PATH]


def test_a_viewer_decides_nothing(actor: Actor, store: MemoryStore, bob: Member) -> None:
    proposal, viewer = propose(actor, store, "add", NEW), Actor(workspace=bob.workspace, member=bob)
    with pytest.raises(PermissionDenied):
        reviewing.approve_proposal(proposal, actor=viewer)
    with pytest.raises(PermissionDenied):
        reviewing.reject_proposal(proposal, actor=viewer, reason_code="other")


def test_quarantined_text_takes_two_people(actor: Actor, rita_actor: Actor, store: MemoryStore) -> None:
    proposal = propose(actor, store, "add", NEW, lane=Lane.QUARANTINE)
    with pytest.raises(InvalidRequest, match="quarantine"):
        reviewing.approve_proposal(proposal, actor=actor)
    reviewing.release_proposal(proposal, actor=actor, reason="I wrote that page.")
    with pytest.raises(PermissionDenied, match="second person"):
        reviewing.approve_proposal(proposal, actor=actor)
    assert reviewing.approve_proposal(proposal, actor=rita_actor).status == ProposalStatus.APPLIED


def test_what_a_rule_refused_can_never_be_approved(actor: Actor, store: MemoryStore) -> None:
    proposal = propose(actor, store, "add", NEW, lane=Lane.REJECT, status=ProposalStatus.REJECTED)
    with pytest.raises(InvalidRequest):
        reviewing.approve_proposal(proposal, actor=actor)
    with pytest.raises(ReviewConflict):
        reviewing.undo_decision(proposal, actor=actor)


def test_a_candidate_counts_as_reviewed_once_all_of_it_was_approved(actor: Actor, store: MemoryStore) -> None:
    one, two = propose(actor, store, "add", NEW), propose(actor, store, "retire", "", "w-bbbb")
    candidate = store_of(actor, unreviewed_review_id=one.review_id)
    reviewing.approve_proposal(one, actor=actor)
    candidate.refresh_from_db()
    assert candidate.unreviewed_review_id
    reviewing.approve_proposal(two, actor=actor)
    candidate.refresh_from_db()
    assert candidate.unreviewed_review_id is None


def test_a_text_without_entries_is_changed_as_a_whole(actor: Actor) -> None:
    store = store_of(actor, {"/readme.md": "All of it.\nOne text.\n"})
    proposal = propose(actor, store, "supersede", "Another text.\n", "file", path="/readme.md")
    reviewing.approve_proposal(proposal, actor=actor)
    assert files_in(store)["/readme.md"] == "Another text.\n"
    reviewing.undo_decision(proposal, actor=actor)
    assert files_in(store)["/readme.md"] == "All of it.\nOne text.\n"


def test_every_change_of_status_left_its_row(actor: Actor, store: MemoryStore) -> None:
    proposal = reviewing.approve_proposal(propose(actor, store, "add", NEW), actor=actor)
    reviewing.undo_decision(proposal, actor=actor)
    chain = [(d.from_status, d.to_status) for d in Decision.objects.filter(proposal=proposal)]
    assert chain == [("pending", "approved"), ("approved", "applied"), ("applied", "pending")]
    assert promotion.entry_id_of(proposal) == "w-cccc"
