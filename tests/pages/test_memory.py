"""Memory: the browser, where a line comes from, the history, and the diff of any two versions."""

from datetime import timedelta

import pytest
from django.test import Client

from agents.actors import Actor
from dreams import reviewing
from dreams.models import Dream
from memory.models import Memory, MemoryStore, MemoryVersion
from memory.services import create_store, delete_memory, redact_version, update_memory
from tests.pages.reviews import PATH, make_proposal, make_store


@pytest.fixture
def store(actor: Actor) -> MemoryStore:
    return make_store(actor)


@pytest.fixture
def memory(store: MemoryStore) -> Memory:
    return Memory.objects.get(store=store, path=PATH)


def versions(memory: Memory) -> list[str]:
    found = MemoryVersion.objects.filter(memory_id=memory.pk).order_by("created_at", "pk")
    return list(found.values_list("pk", flat=True))


def test_the_tree_shows_folders_and_files(as_bob: Client, store: MemoryStore) -> None:
    page = as_bob.get(f"/memory/{store.pk}/").content.decode()
    assert "workarounds" in page
    assert "zorp.md" in page


def test_search_looks_into_the_text(as_bob: Client, store: MemoryStore) -> None:
    headers = {"HX-Request": "true", "HX-Target": "tree"}
    assert "zorp.md" in as_bob.get(f"/memory/{store.pk}/", {"q": "blik"}, headers=headers).content.decode()
    missed = as_bob.get(f"/memory/{store.pk}/", {"q": "nowhere"}, headers=headers).content.decode()
    assert "No file holds these words." in missed
    assert missed.lstrip().startswith("<nav")


def test_a_line_says_which_proposal_brought_it(
    as_bob: Client, actor: Actor, store: MemoryStore, memory: Memory
) -> None:
    proposal = reviewing.approve_proposal(make_proposal(actor, store), actor=actor)
    page = as_bob.get(f"/memory/{store.pk}/files/{memory.pk}/").content.decode()
    new_line = page.partition("--compat")[2]
    assert f"/proposals/{proposal.pk}/" in new_line
    assert f"/proposals/{proposal.pk}/" not in page.partition("--compat")[0]


def test_the_history_names_author_and_proposal(
    as_bob: Client, actor: Actor, store: MemoryStore, memory: Memory
) -> None:
    proposal = reviewing.approve_proposal(make_proposal(actor, store), actor=actor)
    page = as_bob.get(f"/memory/{store.pk}/files/{memory.pk}/history/").content.decode()
    assert f"/proposals/{proposal.pk}/" in page
    assert f"/dreams/{proposal.review.dream_id}/" in page
    assert "alice" in page


def test_any_two_versions_can_be_compared_in_either_order(
    as_bob: Client, actor: Actor, store: MemoryStore, memory: Memory
) -> None:
    update_memory(memory, content=memory.content.replace("--slow", "--slower"), actor=actor)
    old, new = versions(memory)
    for pair in ({"old": old, "new": new}, {"old": new, "new": old}):
        page = as_bob.get(f"/memory/{store.pk}/compare/", pair).content.decode()
        assert "<ins>" in page
        assert 'removed </span><code class="nowrap">--slow</code></del>' in page


def test_a_version_of_another_store_is_not_compared(
    as_bob: Client, actor: Actor, store: MemoryStore, memory: Memory
) -> None:
    other = make_store(actor)
    theirs = Memory.objects.get(store=other, path=PATH).head_version_id
    response = as_bob.get(f"/memory/{store.pk}/compare/", {"old": memory.head_version_id, "new": theirs})
    assert response.status_code == 404


def test_a_deleted_file_keeps_its_history(as_bob: Client, actor: Actor, store: MemoryStore, memory: Memory) -> None:
    delete_memory(memory, actor=actor)
    page = as_bob.get(f"/memory/{store.pk}/files/{memory.pk}/history/").content.decode()
    assert "This file was deleted" in page
    assert as_bob.get(f"/memory/{store.pk}/files/{memory.pk}/").status_code == 404


def test_a_redacted_version_shows_nothing_of_its_text(
    as_bob: Client, actor: Actor, store: MemoryStore, memory: Memory
) -> None:
    update_memory(memory, content="changed", actor=actor)
    first = MemoryVersion.objects.get(pk=versions(memory)[0])
    redact_version(first, actor=actor)
    page = as_bob.get(f"/memory/{store.pk}/versions/{first.pk}/").content.decode()
    assert "Redacted" in page
    assert "blik" not in page


def test_memory_text_is_never_markup(as_bob: Client, actor: Actor, store: MemoryStore, memory: Memory) -> None:
    update_memory(memory, content="<img src=x> `<b>`", actor=actor)
    page = as_bob.get(f"/memory/{store.pk}/files/{memory.pk}/").content.decode()
    assert "<img" not in page
    assert "<code>&lt;b&gt;</code>" in page


@pytest.mark.parametrize("tail", ["", "files/{memory}/", "files/{memory}/history/", "versions/{version}/"])
def test_a_stranger_finds_no_memory(as_charlie: Client, store: MemoryStore, memory: Memory, tail: str) -> None:
    tail = tail.format(memory=memory.pk, version=memory.head_version_id)
    assert as_charlie.get(f"/memory/{store.pk}/{tail}").status_code == 404


def test_copies_of_dreams_stand_under_the_store_they_come_from(
    as_bob: Client, actor: Actor, store: MemoryStore
) -> None:
    review = make_proposal(actor, store).review
    other = create_store(actor.workspace, name="Another")
    for waits_for in (review.pk, None):
        copy = create_store(actor.workspace, name="A candidate", unreviewed_review_id=waits_for)
        Dream.objects.filter(pk=review.dream_id).update(output_store_id=copy.pk)
        page = as_bob.get("/memory/").content.decode()
        assert (
            page.index(other.pk) < page.index(store.pk) < page.index("1 copy that a dream left") < page.index(copy.pk)
        )
        copy.delete()


def test_the_copy_of_a_dream_that_still_runs_is_not_lost(as_bob: Client, actor: Actor) -> None:
    copy = create_store(actor.workspace, name="A candidate", unreviewed_review_id="rev_to_come")
    assert copy.pk in as_bob.get("/memory/").content.decode()


def test_the_list_says_when_a_store_was_last_written(
    as_bob: Client, actor: Actor, store: MemoryStore, memory: Memory
) -> None:
    MemoryStore.objects.update(updated_at=store.created_at - timedelta(days=3))
    MemoryVersion.objects.update(created_at=store.created_at - timedelta(days=2))
    assert "2 d ago" in as_bob.get("/memory/").content.decode()
    delete_memory(memory, actor=actor)
    assert "just now" in as_bob.get("/memory/").content.decode()
