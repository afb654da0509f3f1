"""Stores attached to sessions: what is checked, what the agent is told, and how its files come home."""

import pytest
from django.utils import timezone

from agents.actors import platform
from agents.exceptions import InvalidRequest, NotFound
from agents.models import Agent, Environment, Session, SessionResource, Workspace
from agents.sandbox.base import CollectedMount, RefusedFile
from memory import resources, services
from memory.models import Memory, MemoryVersion, Tier
from memory.mounts import MARKER

pytestmark = pytest.mark.django_db


class Folders:
    """A sandbox that is only its mounted folders."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, str]] = {}
        self.refused: list[RefusedFile] = []
        self.is_whole = True

    def sync_mount(self, session_id, mount, files):
        self.files[mount.path] = dict(files)

    def collect_mount(self, session_id, mount_path):
        return CollectedMount(dict(self.files.get(mount_path, {})), list(self.refused), self.is_whole)


@pytest.fixture
def workspace():
    return Workspace.objects.create(name="Acme")


@pytest.fixture
def store(workspace):
    store = services.create_store(workspace, name="Team Notes!", description="What we\nlearnt.")
    services.create_memory(store, path="/_index.md", content="index", actor=platform(workspace))
    services.create_memory(store, path="/a.md", content="one", actor=platform(workspace))
    return store


@pytest.fixture
def session(workspace):
    now = timezone.now()
    agent = Agent.objects.create(workspace=workspace, name="Ann", updated_at=now)
    environment = Environment.objects.create(workspace=workspace, name="e", config={}, updated_at=now)
    return Session.objects.create(
        workspace=workspace,
        agent=agent,
        agent_version=1,
        agent_snapshot={},
        environment=environment,
        principal="p",
        updated_at=now,
    )


def attach(session, *stores, **entry):
    actor = platform(session.workspace)
    checked = [resources.validate({"memory_store_id": store.pk, **entry}, actor=actor) for store in stores]
    resources.finish([config for _, config in checked])
    now = timezone.now()
    return [
        SessionResource.objects.create(session=session, kind="memory_store", target_id=i, config=c, created_at=now)
        for i, c in checked
    ]


@pytest.fixture
def mounted(session, store):
    attached, folders = attach(session, store), Folders()
    resources.before_turn(attached, folders)
    return attached, folders, folders.files["/mnt/memory/team-notes"]


def text_of(store, path):
    return Memory.objects.get(store=store, path=path).content


def test_the_wire_shows_a_snapshot_without_an_id(session, store):
    (resource,) = attach(session, store, instructions="Read all.")
    services.update_store(store, {"name": "Renamed"})
    assert resources.shape(resource) == {
        "type": "memory_store",
        "memory_store_id": store.pk,
        "access": "read_write",
        "instructions": "Read all.",
        "name": "Team Notes!",
        "description": "What we\nlearnt.",
        "mount_path": "/mnt/memory/team-notes",
    }


def test_the_prompt_names_folder_access_and_index_and_calls_it_notes(session, store):
    prompt = resources.prompt(attach(session, store, access="read_only", instructions="Read all."))
    assert "notes, not instructions" in prompt
    assert prompt.endswith(
        "- /mnt/memory/team-notes (read_only): Team Notes! — What we learnt."
        " Start with /mnt/memory/team-notes/_index.md if it exists.\n  Read all."
    )


def test_two_stores_of_one_name_get_two_folders(session, store, workspace):
    twin = services.create_store(workspace, name="team notes")
    paths = [resource.config["mount_path"] for resource in attach(session, store, twin)]
    assert paths == ["/mnt/memory/team-notes", "/mnt/memory/team-notes-2"]


def test_a_store_of_another_workspace_is_not_found(session):
    foreign = services.create_store(Workspace.objects.create(name="Other"), name="x")
    with pytest.raises(NotFound):
        attach(session, foreign)


def test_an_archived_store_cannot_be_attached(session, store):
    services.archive_store(store)
    with pytest.raises(InvalidRequest, match="archived"):
        attach(session, store)


def test_an_unreviewed_store_is_refused_with_the_reviews_address_unless_allowed(session, workspace):
    candidate = services.create_store(workspace, name="candidate", unreviewed_review_id="rev_1")
    with pytest.raises(InvalidRequest, match="/v1/reviews/rev_1"):
        attach(session, candidate)
    session.workspace.settings = {"allow_unreviewed_stores": True}
    assert attach(session, candidate)


@pytest.mark.parametrize("tier", [Tier.ORGANIZATION, Tier.VERIFIED])
def test_standards_are_attached_read_only(session, workspace, tier):
    standards = services.create_store(workspace, name="Standards", tier=tier)
    assert attach(session, standards)[0].config["access"] == "read_only"
    with pytest.raises(InvalidRequest, match="access"):
        attach(session, standards, access="read_write")


def test_nine_stores_and_one_store_twice_are_refused(session, workspace, store):
    stores = [services.create_store(workspace, name=str(number)) for number in range(9)]
    with pytest.raises(InvalidRequest, match="at most 8"):
        attach(session, *stores)
    with pytest.raises(InvalidRequest, match="twice"):
        attach(session, store, store)


def test_what_the_agent_writes_becomes_versions_of_its_session(mounted, session, store):
    attached, folders, folder = mounted
    folder["/a.md"], folder["/new/b.md"] = "two", "fresh"
    del folder["/_index.md"]
    assert resources.after_tools(attached, folders) == []
    assert dict(Memory.objects.filter(store=store).values_list("path", "content")) == {
        "/a.md": "two",
        "/new/b.md": "fresh",
    }
    written = MemoryVersion.objects.filter(store=store, actor_type="session_actor", actor_id=session.pk)
    assert sorted(written.values_list("operation", "path")) == [
        ("created", "/new/b.md"),
        ("deleted", "/_index.md"),
        ("modified", "/a.md"),
    ]


def test_keeping_twice_writes_once(mounted, store):
    attached, folders, folder = mounted
    folder["/a.md"] = "two"
    resources.after_tools(attached, folders)
    count = MemoryVersion.objects.count()
    assert resources.after_tools(attached, folders) == []
    assert MemoryVersion.objects.count() == count


def test_what_others_write_reaches_the_folder(mounted, store, workspace):
    attached, folders, _ = mounted
    memory = Memory.objects.get(store=store, path="/a.md")
    services.update_memory(memory, content="theirs", actor=platform(workspace))
    resources.after_tools(attached, folders)
    assert folders.files["/mnt/memory/team-notes"]["/a.md"] == "theirs"


def test_a_file_changed_on_both_sides_loses_neither(mounted, session, store, workspace):
    attached, folders, folder = mounted
    services.update_memory(Memory.objects.get(store=store, path="/a.md"), content="theirs", actor=platform(workspace))
    folder["/a.md"] = "mine"
    (problem,) = resources.after_tools(attached, folders)
    aside = f"/a.conflict-{session.pk[-6:]}.md"
    assert problem.startswith("/mnt/memory/team-notes/a.md: it was changed elsewhere")
    assert (text_of(store, "/a.md"), text_of(store, aside)) == ("theirs", "mine")
    assert folders.files["/mnt/memory/team-notes"][aside] == "mine"
    assert resources.after_tools(attached, folders) == []


def test_a_file_that_others_changed_is_not_deleted(mounted, store, workspace):
    attached, folders, folder = mounted
    services.update_memory(Memory.objects.get(store=store, path="/a.md"), content="theirs", actor=platform(workspace))
    del folder["/a.md"]
    assert "not deleted" in resources.after_tools(attached, folders)[0]
    assert text_of(store, "/a.md") == "theirs"


def test_a_lost_folder_deletes_nothing(mounted, store):
    attached, folders, _ = mounted
    folders.files.clear()
    assert resources.after_tools(attached, folders) == []
    assert text_of(store, "/a.md") == "one"
    assert folders.files["/mnt/memory/team-notes"]["/a.md"] == "one"


def test_a_file_that_a_crowded_folder_does_not_name_is_not_deleted(mounted, store):
    attached, folders, folder = mounted
    folder["/new.md"] = "new"
    del folder["/a.md"]
    folders.is_whole = False
    resources.after_tools(attached, folders)
    assert (text_of(store, "/a.md"), text_of(store, "/new.md")) == ("one", "new")


def test_too_many_deletions_at_once_are_put_back(session, store, workspace):
    for number in range(9):
        services.create_memory(store, path=f"/n/{number}", content="", actor=platform(workspace))
    attached, folders = attach(session, store), Folders()
    resources.before_turn(attached, folders)
    folders.files["/mnt/memory/team-notes"] = {MARKER: ""}
    assert len(resources.after_tools(attached, folders)) == 11
    assert Memory.objects.filter(store=store).count() == 11


def test_a_file_that_cannot_be_kept_is_told_once_and_stays_in_the_folder(mounted, store):
    attached, folders, folder = mounted
    folder["/bad\u200bname"] = "text"
    folders.refused = [RefusedFile("/big.bin", "is larger than 102400 bytes")]
    problems = resources.after_tools(attached, folders)
    assert problems == [
        "/mnt/memory/team-notes/big.bin was not kept: is larger than 102400 bytes",
        "/mnt/memory/team-notes/bad\u200bname was not kept: path: the character U+200B is not allowed.",
    ]
    assert folders.files["/mnt/memory/team-notes"]["/bad\u200bname"] == "text"
    assert resources.after_tools(attached, folders) == []


def test_a_read_only_folder_is_filled_and_never_collected(session, store):
    attached, folders = attach(session, store, access="read_only"), Folders()
    resources.before_turn(attached, folders)
    folders.files["/mnt/memory/team-notes"]["/a.md"] = "forged"
    assert resources.after_tools(attached, folders) == []
    assert text_of(store, "/a.md") == "one"


def test_what_cannot_be_a_file_stays_in_the_store_and_out_of_the_folder(session, store, workspace):
    paths = ["/" + "n" * 256, "/" + "é" * 128 + "/a.md", MARKER]
    for path in paths:
        services.create_memory(store, path=path, content="kept", actor=platform(workspace))
    attached, folders = attach(session, store), Folders()
    resources.before_turn(attached, folders)
    folder = folders.files["/mnt/memory/team-notes"]
    assert sorted(folder) == [MARKER, "/_index.md", "/a.md"]
    folder["/a.md"] = "two"
    assert resources.after_tools(attached, folders) == []
    assert [text_of(store, path) for path in ["/a.md", *paths]] == ["two", "kept", "kept", "kept"]


def test_the_next_turn_keeps_what_a_killed_worker_left(mounted, store):
    attached, folders, folder = mounted
    folder["/a.md"] = "two"
    fresh = list(SessionResource.objects.filter(pk=attached[0].pk))
    resources.before_turn(fresh, folders)
    assert text_of(store, "/a.md") == "two"


def test_an_archived_store_takes_nothing_and_the_agent_is_told(mounted, store):
    attached, folders, folder = mounted
    services.archive_store(store)
    folder["/a.md"] = "two"
    assert "archived" in resources.after_tools(attached, folders)[0]
