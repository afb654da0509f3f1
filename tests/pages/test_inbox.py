"""The inbox: order, tabs, filters, pages, and that its cost does not grow with its rows."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.actors import Actor
from dreams import inbox
from dreams.models import Proposal
from memory.models import Memory, MemoryStore
from memory.services import archive_store, update_memory
from tests.pages.reviews import NEW, make_proposal, make_store, seen

ROW = {"HX-Request": "true", "HX-Target": "proposal-row"}


@pytest.fixture
def store(actor: Actor) -> MemoryStore:
    return make_store(actor)


def many(actor: Actor, store: MemoryStore, number: int) -> list[Proposal]:
    first = make_proposal(actor, store)
    rows = [
        Proposal(
            workspace=first.workspace, review=first.review, store=store, position=place, kind="add", path=first.path,
            after=NEW, reason="Seen.", lane="review", risk_rank=place % 5, updated_at=first.updated_at,
        )
        for place in range(1, number)
    ]  # fmt: skip
    return [first, *Proposal.objects.bulk_create(rows)]


def shown(page: str, proposals: list[Proposal]) -> list[Proposal]:
    places = {f'id="proposal-row-{proposal.pk}"': proposal for proposal in proposals}
    return [places[place] for place in sorted((place for place in places if place in page), key=page.index)]


def test_an_empty_inbox_says_what_will_come(as_rita: Client) -> None:
    page = as_rita.get("/inbox/").content.decode()
    assert "Nothing waits for you" in page
    assert "/dreams/new/" in page


def test_the_riskiest_comes_first(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    low, high = make_proposal(actor, store), make_proposal(actor, store, risk_rank=3)
    assert shown(as_rita.get("/inbox/").content.decode(), [low, high]) == [high, low]


def test_a_row_says_what_agents_would_read_and_why(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    make_proposal(actor, store, reason="Two sessions needed it.")
    page = as_rita.get("/inbox/").content.decode()
    assert 'When <code>zorp</code> reads <code>*.kel</code> → add <code class="nowrap">--compat</code></a>' in page
    assert "Two sessions needed it." in page


@pytest.mark.parametrize(
    ("tab", "visible"),
    [
        ("pending", ["pending"]),
        ("quarantine", ["held"]),
        ("decided", ["decided"]),
        ("all", ["pending", "held", "decided"]),
    ],
)
def test_each_tab_holds_its_own(
    as_rita: Client, actor: Actor, store: MemoryStore, tab: str, visible: list[str]
) -> None:
    rows = {
        "pending": make_proposal(actor, store),
        "held": make_proposal(actor, store, lane="quarantine"),
        "decided": make_proposal(actor, store, status="rejected"),
    }
    page = as_rita.get("/inbox/", {"tab": tab}).content.decode()
    assert sorted(name for name, row in rows.items() if row.pk in page) == sorted(visible)


def test_a_filter_that_fits_nothing_offers_to_clear_it(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    make_proposal(actor, store)
    page = as_rita.get("/inbox/", {"kind": "retire"}).content.decode()
    assert "No proposal fits" in page
    assert "Clear the filters" in page


def test_an_unknown_filter_value_is_ignored(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store)
    assert proposal.pk in as_rita.get("/inbox/", {"kind": "x' or 1=1", "after": "x.y.z"}).content.decode()


def test_htmx_gets_the_rows_alone(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    make_proposal(actor, store)
    response = as_rita.get("/inbox/", headers={"HX-Request": "true", "HX-Target": "inbox-rows"})
    assert response.content.decode().lstrip().startswith("<section")
    assert "HX-Request" in response["Vary"]


@pytest.mark.parametrize("tab", ["pending", "all", "decided"])
def test_pages_show_every_row_once(as_rita: Client, actor: Actor, store: MemoryStore, tab: str) -> None:
    rows = many(actor, store, inbox.PAGE_SIZE * 2 + 3)
    if tab == "decided":
        Proposal.objects.update(status="applied")
    found, address = [], f"/inbox/?tab={tab}"
    for _page in range(3):
        page = as_rita.get(address).content.decode()
        found += [row.pk for row in shown(page, rows)]
        following = page.partition('rel="next" href="')[2].partition('"')[0]
        address = "/inbox/" + following.replace("&amp;", "&")
    assert sorted(found) == sorted(row.pk for row in rows)


def test_more_rows_cost_no_more_queries(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    many(actor, store, 3)
    with CaptureQueriesContext(
        connection,
    ) as few:
        as_rita.get("/inbox/")
    Proposal.objects.all().delete()
    many(actor, store, 39)
    with CaptureQueriesContext(connection) as full:
        as_rita.get("/inbox/")
    assert len(full) <= len(few)


def test_approving_from_the_row_leaves_it_decided_in_place(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store)
    response = as_rita.post(f"/proposals/{proposal.pk}/approve/", {**seen(proposal), "place": "row"}, headers=ROW)
    page = response.content.decode()
    assert f'id="proposal-row-{proposal.pk}"' in page
    assert "Approved. Nothing else waits." in page
    assert f"/proposals/{proposal.pk}/undo/" in page


def test_the_navigation_counts_what_waits(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    make_proposal(actor, store)
    make_proposal(actor, store, lane="quarantine")
    assert '<span class="count" id="inbox-count">1<' in as_rita.get("/memory/").content.decode()


def test_another_workspaces_proposals_are_not_there(as_charlie: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store)
    assert proposal.pk not in as_charlie.get("/inbox/", {"tab": "all"}).content.decode()


def test_neighbours_walk_the_whole_queue_in_order(actor: Actor, store: MemoryStore) -> None:
    rows, _ = inbox.by_risk(inbox.pending(actor.workspace), size=100)
    assert rows == []
    made = many(actor, store, 12)
    order = [row.pk for row in inbox.by_risk(inbox.pending(actor.workspace), size=100)[0]]
    walked = [order[0]]
    while after := inbox.neighbours(Proposal.objects.get(pk=walked[-1]))[1]:
        walked.append(after)
    assert walked == order
    assert len(walked) == len(made)


def test_search_looks_into_the_proposed_text(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store)
    assert proposal.pk in as_rita.get("/inbox/", {"q": "COMPAT"}).content.decode()
    assert "No proposal fits" in as_rita.get("/inbox/", {"q": "nowhere"}).content.decode()


def test_a_row_that_could_not_be_applied_says_so(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store)
    archive_store(store)
    response = as_rita.post(f"/proposals/{proposal.pk}/approve/", {**seen(proposal), "place": "row"}, headers=ROW)
    assert "It could not be applied" in response.content.decode()


def test_a_decision_on_a_row_brings_every_number_along(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store)
    left = make_proposal(actor, store, after=NEW.replace("cc", "dd"))
    response = as_rita.post(f"/proposals/{proposal.pk}/approve/", {**seen(proposal), "place": "row"}, headers=ROW)
    page = response.content.decode()
    assert '<span class="count" id="inbox-count" hx-swap-oob="true">1<' in page
    assert '<span class="count" id="pending-count" hx-swap-oob="true">1<' in page
    assert "1 change to memory waits for a decision" in page
    assert f'href="/proposals/{left.pk}/">Start reviewing' in page


def test_a_decision_on_home_changes_homes_headline(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    proposal = make_proposal(actor, store)
    assert 'name="place" value="home"' in as_rita.get("/").content.decode()
    response = as_rita.post(f"/proposals/{proposal.pk}/approve/", {**seen(proposal), "place": "home"}, headers=ROW)
    assert "Nothing waits for you" in response.content.decode()
    assert 'name="back" value="home"' in as_rita.get("/").content.decode()


def test_an_undo_over_a_later_change_leaves_the_list_for_the_proposal(
    as_rita: Client, actor: Actor, store: MemoryStore
) -> None:
    proposal = make_proposal(actor, store)
    as_rita.post(f"/proposals/{proposal.pk}/approve/", seen(proposal))
    memory = Memory.objects.get(store=store, path=proposal.path)
    update_memory(memory, content=memory.content.replace("--compat", "--other"), actor=actor)
    response = as_rita.post(f"/proposals/{proposal.pk}/undo/", {"place": "row"}, headers=ROW)
    assert response["HX-Redirect"] == f"/proposals/{proposal.pk}/"


@pytest.mark.parametrize("text", [f"{NEW}\n\nand a second line", NEW.replace("reads", "reads " * 60), "\n" * 900 + NEW])
def test_what_a_row_does_not_show_whole_is_approved_on_its_page_alone(
    as_rita: Client, actor: Actor, store: MemoryStore, text: str
) -> None:
    short, long = make_proposal(actor, store), make_proposal(actor, store, after=text)
    page = as_rita.get("/inbox/").content.decode()
    assert f"/proposals/{short.pk}/approve/" in page
    assert f"/proposals/{long.pk}/approve/" not in page
    assert f'href="/proposals/{long.pk}/" data-key="a"' in page


def test_what_brings_no_words_offers_no_edit(as_rita: Client, actor: Actor, store: MemoryStore) -> None:
    gone = make_proposal(actor, store, "w-aaaa", kind="retire", after="")
    new = make_proposal(actor, store)
    page = as_rita.get("/inbox/").content.decode()
    assert [f"{row.pk}/?mode=edit" in page for row in (gone, new)] == [False, True]
