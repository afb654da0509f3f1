"""Stores and files made, changed and taken away on pages, without JavaScript."""

import pytest
from django.test import Client

from agents.actors import Actor
from agents.models import AuditEvent
from memory.models import Memory, MemoryStore, MemoryVersion
from memory.services import archive_store, create_memory, delete_memory, redact_version, update_memory
from tests.pages.reviews import PATH, make_store


@pytest.fixture
def store(actor: Actor) -> MemoryStore:
    return make_store(actor)


@pytest.fixture
def memory(store: MemoryStore, actor: Actor) -> Memory:
    return create_memory(store, path="/notes.md", content="one\ntwo\n", actor=actor)


def address(memory: Memory, tail: str = "") -> str:
    return f"/memory/{memory.store_id}/files/{memory.pk}/{tail}"


def form_of(memory: Memory, **fields: str) -> dict[str, str]:
    """What the browser sends back from the edit page: every line end as CR LF."""
    kept = {"path": memory.path, "content": memory.content, "base_sha256": memory.content_sha256} | fields
    return {**kept, "initial-path": memory.path, "content": kept["content"].replace("\n", "\r\n")}


def test_a_store_is_made_with_its_tier(as_alice: Client) -> None:
    fields = {"name": "Standards", "description": "How we\r\nwork", "tier": "organization"}
    response = as_alice.post("/memory/new/", fields)
    store = MemoryStore.objects.get()
    assert (response.status_code, response.url) == (303, f"/memory/{store.pk}/")  # type: ignore[attr-defined]
    assert (store.name, store.description, store.tier) == ("Standards", "How we\nwork", "organization")
    assert "Write the first file" in as_alice.get(f"/memory/{store.pk}/").content.decode()


def test_a_bad_store_is_refused_beside_its_field(as_alice: Client) -> None:
    response = as_alice.post("/memory/new/", {"name": "a\tb", "tier": "secret"})
    html = response.content.decode()
    assert response.status_code == 422
    assert "Select a valid choice" in html
    assert as_alice.post("/memory/new/", {"name": "a\tb", "tier": "working"}).status_code == 422
    assert not MemoryStore.objects.exists()


def test_two_who_edit_a_store_keep_each_others_changes(as_alice: Client, store: MemoryStore) -> None:
    seen = {f"initial-{name}": getattr(store, name) for name in ("name", "description", "tier")}
    kept = {name: getattr(store, name) for name in ("name", "description", "tier")}
    as_alice.post(f"/memory/{store.pk}/edit/", {**seen, **kept, "name": "First"})
    as_alice.post(f"/memory/{store.pk}/edit/", {**seen, **kept, "tier": "verified"})
    store.refresh_from_db()
    assert (store.name, store.tier) == ("First", "verified")
    noted = AuditEvent.objects.filter(action="memory_store.updated").values_list("detail", flat=True)
    assert sorted(noted) == ["name", "tier"]


def test_a_store_is_archived_after_a_question_and_offers_no_writing(as_alice: Client, store: MemoryStore) -> None:
    assert "cannot be brought back" in as_alice.get(f"/memory/{store.pk}/archive/").content.decode()
    assert as_alice.post(f"/memory/{store.pk}/archive/").status_code == 303
    html = as_alice.get(f"/memory/{store.pk}/").content.decode()
    assert "files/new/" not in html
    response = as_alice.post(f"/memory/{store.pk}/files/new/", {"path": "/a", "content": "kept text"})
    assert response.status_code == 422
    assert "kept text" in response.content.decode()


def test_a_store_is_deleted_only_with_the_right_number_of_files(as_alice: Client, memory: Memory) -> None:
    where = f"/memory/{memory.store_id}/delete/"
    assert "2 files go with it" in as_alice.get(where).content.decode()
    response = as_alice.post(where, {"number": "1"})
    assert response.status_code == 422
    assert "The store holds 2 files, not 1" in response.content.decode()
    assert as_alice.post(where, {}).status_code == 422
    assert as_alice.post(where, {"number": "2"}).status_code == 303
    assert not MemoryStore.objects.exists()


def test_a_file_is_written_and_says_why(as_alice: Client, store: MemoryStore) -> None:
    fields = {"path": "/how/to.md", "content": "# To\r\n\r\nDo.\r\n", "reason": "From the wiki"}
    response = as_alice.post(f"/memory/{store.pk}/files/new/", fields)
    memory = Memory.objects.get(path="/how/to.md")
    assert (response.status_code, response.url) == (303, address(memory))  # type: ignore[attr-defined]
    assert memory.content == "# To\n\nDo.\n"
    assert "From the wiki" in as_alice.get(address(memory, "history/")).content.decode()
    assert AuditEvent.objects.get(object_id=memory.pk).reason == "From the wiki"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        (PATH, 409, "is taken"),
        ("/workarounds", 409, "clashes with the file"),
        ("no-slash", 422, "must start with"),
        ("/a\x00b", 422, "Null characters"),
        ("/a/../b", 422, "not allowed"),
    ],
)
def test_a_bad_path_keeps_the_text(as_alice: Client, store: MemoryStore, path: str, status: int, said: str) -> None:
    response = as_alice.post(f"/memory/{store.pk}/files/new/", {"path": path, "content": "<b>kept"})
    html = response.content.decode()
    assert response.status_code == status
    assert said in html
    assert "&lt;b&gt;kept" in html


def test_a_text_that_is_too_long_is_kept_and_refused(as_alice: Client, memory: Memory) -> None:
    response = as_alice.post(address(memory, "edit/"), form_of(memory, content="x" * 102_401))
    html = response.content.decode()
    assert response.status_code == 422
    assert "102,401 bytes are more than the 102,400 allowed" in html
    assert "x" * 102_401 in html


def test_an_edit_and_a_move_are_one_version(as_alice: Client, memory: Memory) -> None:
    response = as_alice.post(address(memory, "edit/"), form_of(memory, path="/b.md", content="three\n"))
    memory.refresh_from_db()
    assert response.status_code == 303
    assert (memory.path, memory.content) == ("/b.md", "three\n")
    assert MemoryVersion.objects.filter(memory_id=memory.pk).count() == 2


@pytest.mark.parametrize("content", ["a\r\nb\r\n", "a\nb", "a\r\nb\nc", "\n\nlead", ""])
def test_saving_without_a_change_writes_nothing(
    as_alice: Client, store: MemoryStore, actor: Actor, content: str
) -> None:
    memory = create_memory(store, path="/ends", content=content, actor=actor)
    sent = form_of(memory, content=content.replace("\r\n", "\n"))
    response = as_alice.post(address(memory, "edit/"), sent, follow=True)
    assert "Nothing was changed." in response.content.decode()
    assert Memory.objects.get(pk=memory.pk).head_version_id == memory.head_version_id


def test_line_ends_of_a_file_survive_an_edit(as_alice: Client, store: MemoryStore, actor: Actor) -> None:
    memory = create_memory(store, path="/dos", content="a\r\nb\r\n", actor=actor)
    as_alice.post(address(memory, "edit/"), form_of(memory, content="a\nc\n"))
    assert Memory.objects.get(pk=memory.pk).content == "a\r\nc\r\n"


def test_a_conflict_shows_both_texts_and_writes_neither(as_alice: Client, actor: Actor, memory: Memory) -> None:
    update_memory(memory, content="one\nTHEIRS\n", actor=actor)
    response = as_alice.post(address(memory, "edit/"), form_of(memory, content="one\nMINE\n"))
    html = response.content.decode()
    assert response.status_code == 409
    assert "Changed meanwhile by alice" in html
    assert "one\r\nMINE\r\n</textarea>" in html
    for label in ("Their text in full", "THEIRS", "Why yours is to replace theirs", "Replace theirs", "Discard mine"):
        assert label in html
    assert Memory.objects.get(pk=memory.pk).content == "one\nTHEIRS\n"


def test_replacing_theirs_wants_a_reason_and_stops_at_the_next_change(
    as_alice: Client, actor: Actor, memory: Memory
) -> None:
    theirs = update_memory(memory, content="theirs", actor=actor)
    mine = form_of(memory, content="mine", base_sha256=theirs.content_sha256, replaces=memory.content_sha256)
    response = as_alice.post(address(memory, "edit/"), mine)
    assert response.status_code == 422
    assert "Say why yours is to replace theirs." in response.content.decode()
    assert "What you changed" in response.content.decode()

    again = update_memory(theirs, content="theirs again", actor=actor)
    stale = as_alice.post(address(memory, "edit/"), {**mine, "reason": "Mine is right"})
    assert stale.status_code == 409
    fresh = {**mine, "reason": "Mine is right", "base_sha256": again.content_sha256}
    assert as_alice.post(address(memory, "edit/"), fresh).status_code == 303
    memory.refresh_from_db()
    assert memory.content == "mine"
    assert MemoryVersion.objects.get(pk=memory.head_version_id).provenance == {"note": "Mine is right"}


def test_a_conflict_with_a_redacted_base_compares_the_two_that_are_left(
    as_alice: Client, actor: Actor, memory: Memory
) -> None:
    first = MemoryVersion.objects.get(pk=memory.head_version_id)
    update_memory(memory, content="theirs", actor=actor)
    redact_version(first, actor=actor)
    html = as_alice.post(address(memory, "edit/"), form_of(memory, content="mine")).content.decode()
    assert "the one that you started from was redacted" in html


def test_a_move_goes_through_where_only_the_text_changed_meanwhile(
    as_alice: Client, actor: Actor, memory: Memory
) -> None:
    update_memory(memory, content="theirs", actor=actor)
    assert as_alice.post(address(memory, "edit/"), form_of(memory, path="/moved.md")).status_code == 303
    memory.refresh_from_db()
    assert (memory.path, memory.content) == ("/moved.md", "theirs")


def test_an_edit_does_not_move_back_what_moved_meanwhile(as_alice: Client, actor: Actor, memory: Memory) -> None:
    update_memory(memory, path="/elsewhere.md", actor=actor)
    as_alice.post(address(memory, "edit/"), form_of(memory, content="mine"))
    assert Memory.objects.get(pk=memory.pk).path == "/elsewhere.md"


def test_who_edits_a_file_that_was_deleted_meanwhile_keeps_the_text(
    as_alice: Client, actor: Actor, memory: Memory
) -> None:
    delete_memory(memory, actor=actor)
    response = as_alice.post(address(memory, "edit/"), form_of(memory, content="mine"))
    html = response.content.decode()
    assert response.status_code == 409
    assert "mine</textarea>" in html
    assert f'action="/memory/{memory.store_id}/files/new/"' in html
    assert as_alice.get(address(memory, "edit/")).status_code == 404


def test_a_file_is_deleted_only_as_it_was_shown(as_alice: Client, actor: Actor, memory: Memory) -> None:
    update_memory(memory, content="theirs", actor=actor)
    stale = as_alice.post(address(memory, "delete/"), {"base_sha256": memory.content_sha256})
    assert stale.status_code == 409
    assert "nothing was deleted" in stale.content.decode()
    memory.refresh_from_db()
    sent = {"base_sha256": memory.content_sha256, "reason": "Outdated"}
    assert as_alice.post(address(memory, "delete/"), sent).status_code == 303
    assert not Memory.objects.filter(pk=memory.pk).exists()
    assert AuditEvent.objects.get(action="memory.deleted").reason == "Outdated"


def test_the_text_of_an_old_version_is_brought_back(as_alice: Client, actor: Actor, memory: Memory) -> None:
    old = memory.head_version_id
    update_memory(memory, content="wrong", actor=actor)
    html = as_alice.get(f"/memory/{memory.store_id}/versions/{old}/").content.decode()
    assert f"{address(memory, 'edit/')}?from={old}" in html
    assert "one\ntwo\n</textarea>" in as_alice.get(address(memory, f"edit/?from={old}")).content.decode()
    memory.refresh_from_db()
    delete_memory(memory, actor=actor)
    html = as_alice.get(f"/memory/{memory.store_id}/files/new/?from={old}").content.decode()
    assert 'value="/notes.md"' in html


def test_a_version_is_redacted_with_a_reason(as_alice: Client, actor: Actor, memory: Memory) -> None:
    old = memory.head_version_id
    where = f"/memory/{memory.store_id}/versions/{old}/redact/"
    html = as_alice.get(where).content.decode()
    assert "The current version cannot be redacted" in html
    assert "<textarea" not in html
    assert as_alice.post(where, {"reason": "A name"}).status_code == 422

    update_memory(memory, content="clean", actor=actor)
    assert "This cannot be undone" in as_alice.get(where).content.decode()
    assert as_alice.post(where, {}).status_code == 422
    assert as_alice.post(where, {"reason": "A name"}).status_code == 303
    version = MemoryVersion.objects.get(pk=old)
    assert (version.content, version.path, version.redacted_by_id) == (None, None, actor.id)
    assert AuditEvent.objects.get(action="memory_version.redacted").reason == "A name"
    assert "It is redacted already" in as_alice.get(where).content.decode()


def test_an_archived_store_is_still_pruned(as_alice: Client, actor: Actor, memory: Memory) -> None:
    update_memory(memory, content="two", actor=actor)
    archive_store(memory.store)
    old = MemoryVersion.objects.filter(memory_id=memory.pk).order_by("created_at")[0]
    where = f"/memory/{memory.store_id}/versions/{old.pk}/redact/"
    assert as_alice.post(where, {"reason": "A name"}).status_code == 303


def test_who_may_not_write_is_offered_nothing(as_rita: Client, memory: Memory) -> None:
    pages = ["/memory/", f"/memory/{memory.store_id}/", address(memory)]
    html = "".join(as_rita.get(page).content.decode() for page in pages)
    for tail in ("/new/", "/edit/", "/delete/", "/archive/"):
        assert f'{tail}"' not in html
