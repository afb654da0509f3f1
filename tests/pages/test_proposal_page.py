"""The proposal page: what it shows, what each verb does, with and without htmx, and to whom it answers."""

import pytest
from django.test import Client

from agents.actors import Actor
from dreams.models import Proposal, ProposalStatus
from memory.models import Memory, MemoryStore
from memory.services import update_memory
from tests.dreams.dreaming import current_base
from tests.pages.reviews import NEW, OLD, PATH, add_evidence, make_proposal, make_session, make_store, seen

HTMX = {"HX-Request": "true", "HX-Target": "review"}


@pytest.fixture
def store(actor: Actor) -> MemoryStore:
    return make_store(actor)


@pytest.fixture
def proposal(actor: Actor, store: MemoryStore) -> Proposal:
    return make_proposal(actor, store)


def url(proposal: Proposal, verb: str = "") -> str:
    return f"/proposals/{proposal.pk}/{verb}{'/' if verb else ''}"


def content(store: MemoryStore) -> str:
    return Memory.objects.get(store=store, path=PATH).content


def change_the_entry(store: MemoryStore, actor: Actor) -> None:
    memory = Memory.objects.get(store=store, path=PATH)
    update_memory(memory, content=memory.content.replace("--slow", "--slower"), actor=actor)


def test_the_diff_shows_the_entry_in_its_file(as_rita: Client, proposal: Proposal) -> None:
    page = as_rita.get(url(proposal)).content.decode()
    assert '<span class="vh">Added: </span><ins>' in page
    assert "<code>blik</code>" in page


def test_evidence_links_to_the_very_event(as_rita: Client, actor: Actor, proposal: Proposal) -> None:
    session = make_session(actor)
    add_evidence(proposal, session)
    page = as_rita.get(url(proposal)).content.decode()
    assert f"/sessions/{session.pk}/?event=sevt_error&amp;proposal={proposal.pk}#sevt_error" in page
    assert "zorp: bad header &lt;b&gt;" in page


def test_the_page_says_that_the_practice_model_spoke(as_rita: Client, proposal: Proposal) -> None:
    assert "Practice model." in as_rita.get(url(proposal)).content.decode()


def test_lane_and_risks_are_shown_with_their_reasons(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    risk = {"code": "conflict", "severity": "danger", "message": "It contradicts w-bbbb."}
    proposal = make_proposal(actor, store, risks=[risk], lane_reasons=["Prose is reviewed."])
    page = as_rita.get(url(proposal)).content.decode()
    assert "It contradicts w-bbbb." in page
    assert "Prose is reviewed." in page


def test_approving_writes_the_store_and_goes_to_the_next(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    first, second = sorted([make_proposal(actor, store), make_proposal(actor, store, after=NEW.replace("cc", "dd"))],
                           key=lambda proposal: proposal.pk)  # fmt: skip
    response = as_rita.post(url(first, "approve"), seen(first))
    assert (response.status_code, response["Location"]) == (303, url(second))
    assert first.after in content(store)


def test_after_the_last_decision_the_inbox_opens(as_rita: Client, proposal: Proposal) -> None:
    response = as_rita.post(url(proposal, "approve"), seen(proposal), follow=True)
    assert response.request["PATH_INFO"] == "/inbox/"
    assert "Nothing else waits." in response.content.decode()


def test_htmx_swaps_in_the_next_proposal_and_says_so(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    first, second = make_proposal(actor, store, risk_rank=2), make_proposal(actor, store, after=NEW.replace("cc", "dd"))
    response = as_rita.post(url(first, "approve"), seen(first), headers=HTMX)
    assert response["HX-Push-Url"] == url(second)
    assert "Approved. 1 left." in response.content.decode()
    assert "<html" not in response.content.decode()


def test_an_edit_is_what_reaches_the_store(as_rita: Client, proposal: Proposal, store: MemoryStore) -> None:
    as_rita.post(url(proposal, "edit"), {**seen(proposal), "text": "when `zorp` fails → add `--mine`"})
    assert "- [w-cccc] when `zorp` fails → add `--mine`\n" in content(store)


def test_an_empty_edit_is_refused_at_the_field(as_rita: Client, proposal: Proposal) -> None:
    response = as_rita.post(url(proposal, "edit"), {**seen(proposal), "text": " "}, headers=HTMX)
    assert response.status_code == 422
    assert "There is no text left." in response.content.decode()


def test_a_refused_edit_keeps_what_was_typed(as_rita: Client, proposal: Proposal) -> None:
    response = as_rita.post(url(proposal, "edit"), {**seen(proposal), "text": "long " * 200})
    assert response.status_code == 422
    assert "long long" in response.content.decode()


def test_a_conflict_answers_409_with_all_three_texts(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store, "w-aaaa", kind="supersede", after=OLD.replace("--slow", "--fast"))
    change_the_entry(store, actor)
    typed = OLD.replace("--slow", "--typed")
    response = as_rita.post(url(proposal, "edit"), {**seen(proposal), "text": typed}, headers=HTMX)
    page = response.content.decode()
    assert response.status_code == 409
    assert [text in page for text in ("add `--slow`", "add `--slower`", "add `--typed`")] == [True, True, True]


def test_after_a_conflict_one_can_go_on_from_ones_own_text(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store, "w-aaaa", kind="supersede", after=OLD.replace("--slow", "--fast"))
    change_the_entry(store, actor)
    fresh = {"base_sha256": current_base(proposal), "revision": 1, "text": OLD.replace("--slow", "--typed")}
    as_rita.post(url(proposal, "edit"), fresh)
    assert "add `--typed`" in content(store)


def test_a_stale_proposal_is_drawn_against_the_present_text(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store, "w-aaaa", kind="supersede", after=OLD.replace("--slow", "--fast"))
    change_the_entry(store, actor)
    page = as_rita.get(url(proposal)).content.decode()
    assert "Stale: the entry changed" in page
    assert f'value="{current_base(proposal)}"' in page


def test_rejecting_asks_for_a_reason(as_rita: Client, proposal: Proposal) -> None:
    response = as_rita.post(url(proposal, "reject"), {"revision": 1})
    assert response.status_code == 422
    assert "Choose a reason." in response.content.decode()


def test_a_rejection_keeps_its_reason(as_rita: Client, proposal: Proposal) -> None:
    as_rita.post(url(proposal, "reject"), {"reason_code": "too_specific", "reason": "Only one file"})
    page = as_rita.get(url(proposal)).content.decode()
    assert "too specific" in page
    assert "Only one file" in page


def test_undo_takes_the_change_out_again(as_rita: Client, proposal: Proposal, store: MemoryStore) -> None:
    before = content(store)
    as_rita.post(url(proposal, "approve"), seen(proposal))
    assert 'data-key="u"' in as_rita.get("/inbox/").content.decode()
    as_rita.post(url(proposal, "undo"))
    assert content(store) == before


def test_an_undo_over_a_later_change_asks_first(as_rita: Client, proposal: Proposal, store: MemoryStore, actor: Actor):
    as_rita.post(url(proposal, "approve"), seen(proposal))
    memory = Memory.objects.get(store=store, path=PATH)
    update_memory(memory, content=memory.content.replace("--compat", "--other"), actor=actor)
    asked = as_rita.post(url(proposal, "undo"))
    assert asked.status_code == 409
    assert "Undo all the same" in asked.content.decode()
    as_rita.post(url(proposal, "undo"), {"overwrite": "1"})
    assert "--other" not in content(store)


def test_quarantined_text_is_inert_and_offers_no_approval(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store, lane="quarantine", after="- [w-cccc] ![x](http://evil/x.png)")
    page = as_rita.get(url(proposal)).content.decode()
    assert url(proposal, "approve") not in page
    assert "<img" not in page
    assert "Release from quarantine" in page


def test_releasing_moves_it_into_the_queue(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store, lane="quarantine")
    as_rita.post(url(proposal, "release"), {"reason": "I wrote it myself"})
    proposal.refresh_from_db()
    assert proposal.lane == "review"


def test_a_viewer_reads_and_decides_nothing(as_bob: Client, proposal: Proposal) -> None:
    assert url(proposal, "approve") not in as_bob.get(url(proposal)).content.decode()
    assert as_bob.post(url(proposal, "approve"), seen(proposal)).status_code == 403


@pytest.mark.parametrize("verb", ["", "approve", "edit", "reject", "undo", "release"])
def test_a_stranger_finds_nothing(as_charlie: Client, proposal: Proposal, verb: str) -> None:
    send = as_charlie.post if verb else as_charlie.get
    assert send(url(proposal, verb)).status_code == 404


def test_somebody_not_signed_in_is_asked_to(client: Client, proposal: Proposal) -> None:
    assert client.get(url(proposal))["Location"].startswith("/login/")


def test_a_second_click_finds_it_decided(as_rita: Client, as_alice: Client, proposal: Proposal) -> None:
    as_rita.post(url(proposal, "approve"), seen(proposal))
    response = as_alice.post(url(proposal, "reject"), {"reason_code": "other", "revision": 1})
    assert response.status_code == 409
    assert "rita has decided this already" in response.content.decode()
    proposal.refresh_from_db()
    assert proposal.status == ProposalStatus.APPLIED


def test_the_page_keeps_what_the_reviewer_changed(as_rita: Client, proposal: Proposal) -> None:
    as_rita.post(url(proposal, "edit"), {**seen(proposal), "text": "when `zorp` fails → add `--mine`"})
    page = as_rita.get(url(proposal)).content.decode()
    assert "What the reviewer changed" in page
    assert "Edited and approved by rita" in page


def test_on_a_decided_page_one_undo_alone_is_offered(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    first, second = make_proposal(actor, store), make_proposal(actor, store, after=NEW.replace("cc", "dd"))
    for proposal in (first, second):
        as_rita.post(url(proposal, "approve"), seen(proposal))
    page = as_rita.get(url(first)).content.decode()
    assert page.count('data-key="u"') == 1
    assert url(first, "undo") in page


def test_after_a_decision_no_earlier_message_stays(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    first = make_proposal(actor, store, risk_rank=2)
    make_proposal(actor, store, after=NEW.replace("cc", "dd"))
    page = as_rita.post(url(first, "approve"), seen(first), headers=HTMX).content.decode()
    messages = page.partition('id="messages" hx-swap-oob="true"')[2].partition("</div>")[0]
    assert messages.strip(" >\n") == ""


def test_a_conflict_brings_the_present_number_along(as_rita: Client, as_alice: Client, proposal: Proposal) -> None:
    as_rita.post(url(proposal, "approve"), seen(proposal))
    page = as_alice.post(url(proposal, "approve"), seen(proposal), headers=HTMX).content.decode()
    assert 'id="inbox-count" hx-swap-oob="true" hidden>0<' in page


def test_the_entrys_id_stays_outside_the_text_to_edit(as_rita: Client, proposal: Proposal, store: MemoryStore) -> None:
    page = as_rita.get(url(proposal), {"mode": "edit"}).content.decode()
    text = page.partition('<textarea name="text"')[2].partition(">")[2].partition("<")[0].strip()
    assert "<code>- [w-cccc] </code>" in page
    assert text.startswith("when `zorp`")
    as_rita.post(url(proposal, "edit"), {**seen(proposal), "text": f"[x-1] {text}"})
    assert "- [w-cccc] when `zorp`" in content(store)


def test_every_panel_can_be_left(as_rita: Client, proposal: Proposal) -> None:
    assert as_rita.get(url(proposal)).content.decode().count("data-cancel>Cancel</a>") == 2


def test_what_was_undone_offers_every_decision_again(as_rita: Client, proposal: Proposal) -> None:
    as_rita.post(url(proposal, "approve"), seen(proposal))
    as_rita.post(url(proposal, "undo"))
    page = as_rita.get(url(proposal)).content.decode()
    assert all(url(proposal, verb) in page for verb in ("approve", "edit", "reject"))
    assert url(proposal) in as_rita.get("/inbox/").content.decode()


def test_what_was_undone_over_a_later_change_can_be_rejected(
    as_rita: Client, proposal: Proposal, store: MemoryStore, actor: Actor
) -> None:
    as_rita.post(url(proposal, "approve"), seen(proposal))
    memory = Memory.objects.get(store=store, path=PATH)
    update_memory(memory, content=memory.content.replace("--compat", "--other"), actor=actor)
    as_rita.post(url(proposal, "undo"), {"overwrite": "1"})
    assert url(proposal, "reject") in as_rita.get(url(proposal)).content.decode()
    as_rita.post(url(proposal, "reject"), {"reason_code": "other", "revision": 1})
    proposal.refresh_from_db()
    assert proposal.status == ProposalStatus.REJECTED


def test_my_own_decision_in_another_window_is_called_mine(as_rita: Client, proposal: Proposal) -> None:
    as_rita.post(url(proposal, "approve"), seen(proposal))
    response = as_rita.post(url(proposal, "reject"), {"reason_code": "other", "revision": 1})
    assert "You decided this already, in another window." in response.content.decode()


def test_a_refusal_that_comes_too_late_keeps_its_reason(as_rita: Client, as_alice: Client, proposal: Proposal) -> None:
    as_rita.post(url(proposal, "approve"), seen(proposal))
    words = {"reason_code": "other", "reason": "I tried it by hand.", "revision": 1}
    page = as_alice.post(url(proposal, "reject"), words, headers=HTMX).content.decode()
    assert "I tried it by hand." in page
    assert "Your text" not in page  # nothing but a reason was typed


def test_a_refusal_of_an_older_wording_asks_again_and_offers_no_approval_in_its_place(
    as_rita: Client, as_alice: Client, proposal: Proposal
) -> None:
    as_rita.post(url(proposal, "edit"), {**seen(proposal), "text": "when `zorp` fails → add `--mine`"})
    as_rita.post(url(proposal, "undo"))
    words = {"reason_code": "other", "reason": "I tried it by hand.", "revision": 1}
    response = as_alice.post(url(proposal, "reject"), words, headers=HTMX)
    page = response.content.decode()
    assert (response.status_code, "Approve all the same" in page, "over the present one" in page) == (409, False, False)
    assert 'value="I tried it by hand."' in page
    assert 'name="revision" value="2"' in page


def test_an_undo_that_comes_too_late_shows_how_it_stands(as_rita: Client, proposal: Proposal) -> None:
    as_rita.post(url(proposal, "approve"), seen(proposal))
    as_rita.post(url(proposal, "undo"))
    response = as_rita.post(url(proposal, "undo"), follow=True)
    page = response.content.decode()
    assert "There is nothing to undo" in page
    assert "Undo all the same" not in page
    assert url(proposal, "approve") in page


def test_a_quarantined_refusal_without_a_reason_shows_the_error(
    as_rita: Client, actor: Actor, store: MemoryStore
) -> None:
    proposal = make_proposal(actor, store, lane="quarantine")
    page = as_rita.post(url(proposal, "reject"), {"revision": 1}).content.decode()
    panel = page.partition(f'action="{url(proposal, "reject")}"')[0].rpartition("<details")[2]
    assert ("Choose a reason." in page, " open>" in panel) == (True, True)


def test_a_long_change_pushes_nothing_out_of_sight(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    risk = {"code": "conflict", "severity": "danger", "message": "It contradicts w-bbbb."}
    text = "\n".join(f"- [w-{number:04x}] when `zorp` ends with {number} → stop" for number in range(100))
    page = as_rita.get(url(make_proposal(actor, store, after=text, path="/big.md", risks=[risk]))).content.decode()
    assert ('class="diff diff-long" tabindex="0"' in page, "scroll inside it" in page) == (True, True)
    assert 'href="#checks-title" title="It contradicts w-bbbb."' in page.partition('class="diff')[0]
    assert "diff-long" not in as_rita.get(url(make_proposal(actor, store))).content.decode()


def test_what_goes_stale_with_an_approval_is_named_beside_it(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store, "w-aaaa", kind="supersede", after=OLD.replace("--slow", "--slower"))
    both = make_proposal(actor, store, "w-aaaa", "w-bbbb", kind="merge", after=OLD)
    other = make_proposal(actor, store, "w-bbbb", kind="retire", after="")
    waiting = as_rita.get(url(proposal)).content.decode().partition("Also waiting for this file")[2]
    said = {
        row.pk: "About the same entry" in waiting.partition(url(row))[2].partition("</li>")[0] for row in (both, other)
    }
    assert said == {both.pk: True, other.pk: False}


def test_a_viewer_is_told_who_decides(as_bob: Client, as_rita: Client, proposal: Proposal) -> None:
    said = [client.get(url(proposal)).content.decode() for client in (as_bob, as_rita)]
    assert ["A reviewer or an admin of the workspace decides." in page for page in said] == [True, False]
