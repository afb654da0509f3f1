"""Lists that grow are searched by name or id, with and without htmx, and read page by page."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from agents.actors import Actor
from agents.models import Member, Workspace
from agents.services.agents import create_agent
from agents.services.environments import create_environment
from agents.services.members import add_member
from agents.services.skills import create_skill
from agents.services.vaults import create_vault
from agents.skill_folders import folder_of_files

NAMES = ("Nightly import", "100% sure")


def make(kind: str, name: str, actor: Actor) -> Any:
    match kind:
        case "agents":
            return create_agent({"name": name, "model": "claude-opus-5"}, actor=actor)
        case "environments":
            return create_environment({"name": name}, actor=actor)
        case "vaults":
            return create_vault({"display_name": name}, actor=actor)
        case _:
            folder = "nights" if name == NAMES[0] else "sure"
            head = f"---\nname: {folder}\ndescription: Notes.\n---\n"
            files = folder_of_files([(f"{folder}/SKILL.md", head.encode())])
            return create_skill(files, display_name=name, actor=actor)


def rows(page: Client, kind: str, query: str, **headers: str) -> str:
    answer = page.get(f"{reverse(kind)}?q={query}", headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("kind", ["agents", "environments", "vaults", "skills"])
def test_a_list_is_searched_by_a_part_of_the_name_or_the_whole_id(kind: str, actor: Actor, as_bob: Client) -> None:
    first, second = (make(kind, name, actor) for name in NAMES)
    both = [NAMES[0] in rows(as_bob, kind, ""), NAMES[1] in rows(as_bob, kind, "")]
    assert both == [True, True]
    for query in ("NIGHTLY", first.pk):
        page = rows(as_bob, kind, query)
        assert (NAMES[0] in page, NAMES[1] in page) == (True, False)
    page = rows(as_bob, kind, "0%25")
    assert (NAMES[0] in page, NAMES[1] in page, second.pk in page) == (False, True, True)
    assert "Nothing fits" in rows(as_bob, kind, "elsewhere")
    target = {"HX-Request": "true", "HX-Target": f"{kind.removesuffix('s')}-rows"}
    assert rows(as_bob, kind, "nightly", **target).strip().startswith("<section")


def test_a_search_finds_nothing_of_another_workspace(actor: Actor, as_charlie: Client) -> None:
    agent = make("agents", NAMES[0], actor)
    assert "Nothing fits" in rows(as_charlie, "agents", agent.pk)


def test_many_members_are_read_page_by_page_and_found_by_name(
    workspace: Workspace, alice: Member, as_alice: Client
) -> None:
    people = User.objects.bulk_create([User(username=f"person-{number:02}") for number in range(60)])
    for person in people:
        add_member(workspace, person)
    first = as_alice.get(reverse("members"))
    second = as_alice.get(f"{reverse('members')}{first.context['next']}")
    assert [name in first.content for name in (b">person-48<", b">person-49<")] == [True, False]
    assert [name in second.content for name in (b">person-48<", b">person-49<", b">person-59<")] == [False, True, True]
    assert b">person-59<" in as_alice.get(f"{reverse('members')}?q=N-59").content
    assert b"Nobody fits" in as_alice.get(f"{reverse('members')}?q=zzz").content
