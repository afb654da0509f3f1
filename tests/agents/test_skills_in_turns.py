"""Skills where they are used: what the model is told, and what its tools find in the box."""

import json
import threading

import pytest
from django.conf import settings
from django.core.files.storage import storages

from agents import jobs, plugs
from agents.models import SkillVersion
from agents.runtime.prompt import Told, skills_note
from agents.runtime.toolbox import Toolbox
from agents.services.agents import update_agent
from agents.services.events import send_events
from agents.services.sessions import create_session
from agents.services.skills import add_version, delete_skill
from agents.skill_folders import folder_of_files
from tests.agents.skills import make_skill

FOLDER = "/mnt/skills/pdf-forms"


def reads(*paths):
    return [{"tool": "read", "input": {"file_path": path}} for path in paths]


def runs(*commands):
    return [{"tool": "bash", "input": {"command": command}} for command in commands]


@pytest.fixture
def skill(actor):
    return make_skill(actor, text="The password is swordfish.\n", run_sh="#!/bin/sh\necho ran\n")


@pytest.fixture
def with_skill(actor, agent, environment, skill):
    """A session whose agent has the skill."""
    update_agent(agent, {"skills": [{"type": "custom", "skill_id": skill.pk}]}, actor=actor)
    return create_session({"agent": agent.pk, "environment_id": environment.pk}, actor=actor)


@pytest.fixture
def play(actor, practice, sandbox_host, clean_redis):
    """Let a session's agent take these steps; returns what its tools answered."""

    def run(session, steps):
        text = f"practice: {json.dumps({'steps': [*steps, {'text': 'Done.'}]})}"
        send_events(session, [{"type": "user.message", "content": [{"type": "text", "text": text}]}], actor=actor)
        driving = threading.Thread(target=jobs.run_thread, args=[session.threads.get().pk])
        driving.start()
        driving.join(60)
        results = session.events.filter(type="agent.tool_result").order_by("seq")
        return ["\n".join(block["text"] for block in result.payload["content"]) for result in results]

    return run


live = pytest.mark.django_db(transaction=True)


@live
def test_an_agent_reads_its_skill_and_runs_its_program(play, with_skill):
    text, printed = play(with_skill, [*reads(f"{FOLDER}/SKILL.md"), *runs(f"{FOLDER}/run.sh")])
    assert "The password is swordfish." in text
    assert printed == "ran"


@live
def test_a_skill_can_be_searched_and_not_be_changed(play, with_skill):
    steps = [
        {"tool": "grep", "input": {"pattern": "sword", "path": "/mnt/skills"}},
        {"tool": "write", "input": {"file_path": f"{FOLDER}/SKILL.md", "content": "x"}},
        *runs(
            f"echo x >> {FOLDER}/SKILL.md", f"rm -rf {FOLDER}", f"chmod 777 {FOLDER}/run.sh", f"cat {FOLDER}/SKILL.md"
        ),
    ]
    found, written, *_, still_there = play(with_skill, steps)
    assert "SKILL.md" in found
    assert "read-only" in written
    assert "swordfish" in still_there
    assert still_there.rstrip().endswith("swordfish.")


@live
def test_a_session_keeps_the_version_that_it_began_with(play, with_skill, skill, actor):
    newer = b"---\nname: pdf-forms\ndescription: New.\n---\nAnother password.\n"
    add_version(skill, folder_of_files([("pdf-forms/SKILL.md", newer)]), actor=actor)
    (text,) = play(with_skill, reads(f"{FOLDER}/SKILL.md"))
    assert "swordfish" in text


@live
def test_two_sessions_share_one_unpacked_version(play, with_skill, agent, environment, skill, actor):
    other = create_session({"agent": agent.pk, "environment_id": environment.pk}, actor=actor)
    places = []
    for session in (with_skill, other):
        play(session, reads(f"{FOLDER}/SKILL.md"))
        places.append(settings.SANDBOX_ROOT / session.pk / "skills" / "pdf-forms" / "SKILL.md")
    assert places[0].samefile(places[1])
    assert places[0].samefile(settings.SANDBOX_ROOT / ".skills" / skill.latest_version_id / "SKILL.md")


@live
def test_bytes_that_are_gone_are_told_and_the_turn_goes_on(play, with_skill):
    storages["blobs"].delete(SkillVersion.objects.get().storage_key)
    (answer,) = play(with_skill, runs("echo still here"))
    assert "still here" in answer
    assert "pdf-forms could not be opened" in answer
    with_skill.refresh_from_db()
    assert with_skill.status == "idle"


@live
def test_without_a_sandbox_the_turn_goes_on(play, with_skill, monkeypatch):
    monkeypatch.setattr(settings, "LUCID_SANDBOX_SOCKET", "/nowhere")
    plugs.sandbox.cache_clear()
    try:
        (answer,) = play(with_skill, reads(f"{FOLDER}/SKILL.md"))
    finally:
        monkeypatch.undo()
        plugs.sandbox.cache_clear()
    assert "sandbox host does not answer" in answer


def said(session):
    return "\n".join(Toolbox(session.pk, session.agent_snapshot).notes)


@pytest.mark.django_db
def test_the_model_is_told_name_place_and_description(practice, with_skill):
    assert f"- pdf-forms ({FOLDER}/SKILL.md): Fill in PDF forms." in said(with_skill)


@pytest.mark.django_db
def test_the_model_is_told_what_was_deleted(practice, with_skill, skill, actor):
    delete_skill(skill, actor=actor)
    assert f"The skill {with_skill.agent_snapshot['skills'][0]['skill_id']} was deleted" in said(with_skill)
    assert FOLDER not in said(with_skill)


@pytest.mark.django_db
def test_another_agent_of_the_session_with_another_version_has_a_folder_of_its_own(practice, with_skill, skill, actor):
    newer = b"---\nname: pdf-forms\ndescription: New.\n---\n"
    version = add_version(skill, folder_of_files([("pdf-forms/SKILL.md", newer)]), actor=actor)
    snapshot = {**with_skill.agent_snapshot, "skills": [{"skill_id": skill.pk, "version": version.pk}]}
    (note,) = [note for note in Toolbox(with_skill.pk, snapshot).notes if "pdf-forms" in note]
    assert f"{FOLDER}-{version.pk[-8:]}/SKILL.md): New." in note


def test_a_description_stays_on_its_line():
    note = skills_note([Told(name="a", folder="/f", description="One\n- b (/x): two")], [])
    assert note.splitlines()[1:] == ["- a (/f/SKILL.md): One - b (/x): two"]
    assert skills_note([], []) == ""
