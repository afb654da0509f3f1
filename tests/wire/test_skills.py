"""Skills through the official client, and what older clients are answered."""

import asyncio
import io
import json
import zipfile
from contextlib import asynccontextmanager

import anthropic
import pytest
from anthropic.lib.environments import download_session_skills
from anthropic.lib.tools._skills import _extract_skill_archive
from anthropic.types import Skill
from django.core.files.storage import storages

from agents import blobs
from agents.models import AuditEvent, SkillVersion
from agents.services import skills as services
from agents.skill_folders import folder_of_files

OLD = {"anthropic_beta": "skills-2025-10-02"}
TOOLSET = {"type": "agent_toolset_20260401"}


BLOBS = storages["blobs"]


def skill_text(name="pdf-forms", description="Fill in PDF forms."):
    return f"---\nname: {name}\ndescription: {description}\n---\n# How\n".encode()


def files(name="pdf-forms", **more):
    return [(f"{name}/SKILL.md", skill_text(name, **more)), (f"{name}/scripts/fill.py", b"#!/usr/bin/env python3\n")]


def zipped(members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return packed.getvalue()


@pytest.fixture
def skill(wire):
    return wire.skills.create(files=files())


def test_a_skill_comes_back_as_it_was_made(wire, skill):
    assert skill == wire.skills.retrieve(skill.id)
    assert (skill.display_name, skill.source.type, skill.id[:6]) == ("pdf-forms", "custom", "skill_")
    version = wire.skills.versions.retrieve("latest", skill_id=skill.id)
    assert version == wire.skills.versions.retrieve(skill.latest_version_id, skill_id=skill.id)
    assert (version.name, version.description, version.skill_id) == ("pdf-forms", "Fill in PDF forms.", skill.id)


def test_one_zip_is_as_good_as_its_files(wire):
    skill = wire.beta.skills.create(files=[("upload.zip", zipped(files()))], display_name="PDF forms")
    assert skill.display_name == "PDF forms"
    assert wire.beta.skills.create(files=[zipped(files("other"))]).display_name == "other"


def test_the_lists_are_paged_newest_first(wire, skill):
    ids = [wire.skills.create(files=files(f"skill-{number}")).id for number in range(3)]
    assert [found.id for found in wire.skills.list(limit=2)] == [*reversed(ids), skill.id]
    assert [found.id for found in wire.skills.list(source="custom", limit=1000)] == [*reversed(ids), skill.id]
    assert list(wire.skills.list(source="anthropic")) == []
    second = wire.skills.versions.create(skill.id, files=files(description="Better."))
    found = [version.id for version in wire.beta.skills.versions.list(skill.id, limit=1)]
    assert found == [second.id, skill.latest_version_id]
    assert wire.skills.retrieve(skill.id).latest_version_id == second.id


def test_the_clients_beta_skills_are_the_same_skills(wire, skill):
    beta = wire.beta.skills
    assert [found.id for found in beta.list()] == [found.id for found in wire.skills.list()] == [skill.id]
    second = beta.versions.create(skill.id, files=files(description="Better."))
    assert [found.id for found in wire.skills.versions.list(skill.id)] == [second.id, skill.latest_version_id]
    assert beta.versions.delete(skill.latest_version_id, skill_id=skill.id).type == "skill_version_deleted"
    assert beta.retrieve(skill.id).latest_version_id == second.id
    assert beta.delete(skill.id).type == "skill_deleted"
    assert list(beta.list()) == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "source=moon", "page=page_x"])
def test_a_list_that_cannot_be_is_refused(call, skill, query):
    assert call("GET", f"skills?{query}").status_code == 400


def test_a_download_is_what_the_client_unpacks(wire, skill, tmp_path):
    archive = tmp_path / "archive"
    archive.write_bytes(wire.beta.skills.versions.download(skill.latest_version_id, skill_id=skill.id).read())
    assert {name.partition("/")[0] for name in zipfile.ZipFile(archive).namelist()} == {"pdf-forms"}
    _extract_skill_archive(archive, tmp_path / "out")
    assert (tmp_path / "out/SKILL.md").read_bytes() == skill_text()
    assert (tmp_path / "out/scripts/fill.py").stat().st_mode & 0o777 == 0o755


class Worker:
    """As much of the asynchronous client as the SDK's download of a session's skills calls; it was answered before."""

    def __init__(self, version, archive):
        self.beta = self.skills = self.versions = self.with_streaming_response = self
        self.version, self.archive = version, archive

    async def retrieve(self, version, *, skill_id):
        assert (version, skill_id) == (self.version.id, self.version.skill_id)
        return self.version

    @asynccontextmanager
    async def download(self, version, *, skill_id):
        assert (version, skill_id) == (self.version.id, self.version.skill_id)
        yield self

    async def stream_to_file(self, path):
        path.write_bytes(self.archive)


def test_a_workers_download_finds_the_skills_of_a_session(wire, skill, environment, tmp_path):
    session = wire.beta.sessions.create(agent=agent_with(wire, pinned(skill)).id, environment_id=environment.id)
    version = wire.beta.skills.versions.retrieve(session.agent.skills[0].version, skill_id=skill.id)
    archive = wire.beta.skills.versions.download(version.id, skill_id=skill.id).read()
    downloading = download_session_skills(Worker(version, archive), workdir=tmp_path, session=session)
    assert asyncio.run(downloading) == [tmp_path / "skills" / "pdf-forms"]
    assert (tmp_path / "skills/pdf-forms/SKILL.md").read_bytes() == skill_text()


def test_deleting_a_version_leaves_the_one_before(wire, skill):
    second = wire.skills.versions.create(skill.id, files=files(description="Better."))
    gone = wire.skills.versions.delete(second.id, skill_id=skill.id)
    assert (gone.id, gone.type) == (second.id, "skill_version_deleted")
    assert wire.skills.versions.retrieve("latest", skill_id=skill.id).id == skill.latest_version_id
    with pytest.raises(anthropic.NotFoundError):
        wire.skills.versions.retrieve(second.id, skill_id=skill.id)


def test_the_last_version_stays(wire, skill):
    with pytest.raises(anthropic.BadRequestError, match="last version"):
        wire.skills.versions.delete(skill.latest_version_id, skill_id=skill.id)


def test_latest_is_for_retrieving_alone(call, skill):
    assert call("GET", f"skills/{skill.id}/versions/latest/content").status_code == 404
    assert call("DELETE", f"skills/{skill.id}/versions/latest").status_code == 404


def test_deleting_a_skill_takes_versions_and_bytes(wire, skill):
    keys = list(SkillVersion.objects.values_list("storage_key", flat=True))
    assert wire.skills.delete(skill.id).type == "skill_deleted"
    blobs.sweep()
    assert not any(BLOBS.exists(key) for key in keys)
    with pytest.raises(anthropic.NotFoundError):
        wire.skills.retrieve(skill.id)
    assert wire.skills.create(files=files()).id != skill.id
    actions = list(
        AuditEvent.objects.filter(action__startswith="skill").order_by("created_at").values_list("action", flat=True)
    )
    assert actions == ["skill.created", "skill.deleted", "skill.created"]


def test_a_name_is_taken_once_and_nothing_is_left_behind(wire, skill):
    with pytest.raises(anthropic.ConflictError) as refusal:
        wire.skills.create(files=files(description="Another."))
    assert refusal.value.body["error"]["details"]["error_code"] == "skill_name_taken"
    assert blobs.sweep() == 1


def test_a_version_keeps_the_name(wire, skill):
    with pytest.raises(anthropic.BadRequestError, match="for good"):
        wire.skills.versions.create(skill.id, files=files("another"))


def test_a_display_name_is_one_short_line(wire):
    for name in ("x" * 256, "two\nlines"):
        with pytest.raises(anthropic.BadRequestError, match="display_name"):
            wire.skills.create(files=files(), display_name=name)


@pytest.mark.parametrize(
    "upload",
    [
        [("SKILL.md", skill_text())],
        [("a/SKILL.md", skill_text()), ("b/x", b"")],
        [("a/other.md", b"")],
        [("a/SKILL.md", skill_text()), ("a/../../x", b"")],
        [("x.zip", zipped([("a/SKILL.md", skill_text()), ("../x", b"")]))],
        [("x.zip", zipped([("SKILL.md", skill_text())]))],
        [("x.zip", b"PK\x03\x04 no more")],
        [b"no name"],
    ],
)
def test_a_wrong_layout_is_refused(wire, upload):
    with pytest.raises(anthropic.BadRequestError, match="files"):
        wire.skills.create(files=upload)
    assert list(wire.skills.list()) == []


def test_a_zip_bomb_is_too_large(wire):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/SKILL.md", skill_text("a"))
        for number in range(100):
            archive.writestr(f"a/{number}", bytes(1024 * 1024))
    with pytest.raises(anthropic.ContentTooLargeError):
        wire.skills.create(files=[("bomb.zip", packed.getvalue())])


def test_no_files_and_other_fields_are_refused(call):
    body = b'--x\r\ncontent-disposition: form-data; name="%s"\r\n\r\nv\r\n--x--\r\n'
    for name in (b"display_name", b"secret"):
        answer = call("POST", "skills", body % name, content_type="multipart/form-data; boundary=x")
        assert answer.status_code == 400
    assert call("POST", "skills", b"{}").status_code == 400


def test_no_beta_header_is_needed(call, skill):
    assert call("GET", "skills", anthropic_beta=None).json()["data"][0]["id"] == skill.id


# Older clients


def test_older_clients_get_the_older_shapes(call, skill):
    found = call("GET", f"skills/{skill.id}", **OLD).json()
    assert (found["display_title"], found["source"]) == ("pdf-forms", "custom")
    assert found["latest_version"].isdecimal()
    page = call("GET", "skills?limit=1", **OLD).json()
    assert (page["data"], page["has_more"], page["next_page"]) == ([found], False, None)
    version = call("GET", f"skills/{skill.id}/versions/{found['latest_version']}", **OLD).json()
    assert (version["id"], version["version"]) == (skill.latest_version_id, found["latest_version"])
    assert version["directory"] == "pdf-forms"
    content = call("GET", f"skills/{skill.id}/versions/{version['version']}/content", **OLD)
    assert content["content-type"] == "application/zip"


def test_older_clients_call_the_name_a_title(wire):
    made = wire.post(
        "/v1/skills",
        body={"display_title": "Forms"},
        files=[("files[]", file) for file in files()],
        options={"headers": {"anthropic-beta": "skills-2025-10-02", "content-type": "multipart/form-data"}},
        cast_to=object,
    )
    assert made["display_title"] == "Forms"


# Agents


def pinned(skill, **more):
    return {"type": "custom", "skill_id": skill.id, **more}


def agent_with(wire, *skills, **more):
    return wire.beta.agents.create(**{"name": "a", "model": "m", "tools": [TOOLSET], "skills": skills, **more})


def test_an_agent_pins_the_version_that_is_newest_now(wire, skill):
    agent = agent_with(wire, pinned(skill))
    assert agent.skills[0].version == skill.latest_version_id
    second = wire.skills.versions.create(skill.id, files=files(description="Better."))
    assert wire.beta.agents.update(agent.id, name="b").skills[0].version == skill.latest_version_id
    assert wire.beta.agents.update(agent.id, skills=[pinned(skill, version="latest")]).skills[0].version == second.id
    old = pinned(skill, version=skill.latest_version_id)
    assert wire.beta.agents.update(agent.id, skills=[old]).skills[0].version == skill.latest_version_id
    assert wire.beta.agents.update(agent.id, skills=None).skills == []


def test_a_session_may_have_other_skills(wire, skill, environment):
    agent = agent_with(wire)
    reference = {"type": "agent_with_overrides", "id": agent.id, "skills": [pinned(skill)]}
    session = wire.beta.sessions.create(agent=reference, environment_id=environment.id)
    assert session.agent.skills[0].version == skill.latest_version_id
    assert wire.beta.agents.retrieve(agent.id).skills == []


NO_READ = {**TOOLSET, "configs": [{"name": "read", "enabled": False}]}


@pytest.mark.parametrize("tools", [[], [NO_READ], [{**TOOLSET, "default_config": {"enabled": False}}]])
def test_skills_need_the_tool_that_reads_them(wire, skill, environment, tools):
    with pytest.raises(anthropic.BadRequestError, match="'read'"):
        agent_with(wire, pinned(skill), tools=tools)
    agent = agent_with(wire, pinned(skill))
    with pytest.raises(anthropic.BadRequestError, match="'read'"):
        wire.beta.agents.update(agent.id, tools=tools)
    with pytest.raises(anthropic.BadRequestError, match=r"agent\.skills"):
        wire.beta.sessions.create(
            agent={"type": "agent_with_overrides", "id": agent.id, "tools": tools}, environment_id=environment.id
        )


def test_skills_that_are_not_here_are_refused_by_name(wire, stranger, skill):
    with pytest.raises(anthropic.BadRequestError, match="xlsx"):
        agent_with(wire, {"type": "anthropic", "skill_id": "xlsx"})
    with pytest.raises(anthropic.BadRequestError, match="twice"):
        agent_with(wire, pinned(skill), pinned(skill))
    with pytest.raises(anthropic.BadRequestError, match="20"):
        agent_with(wire, *({"type": "custom", "skill_id": f"skill_{number}"} for number in range(21)))
    for missing in ({"skill_id": "skill_x"}, {"version": "skver_x"}):
        with pytest.raises(anthropic.NotFoundError, match=r"skills\.0"):
            agent_with(wire, {**pinned(skill), **missing})
    with pytest.raises(anthropic.NotFoundError):
        agent_with(stranger, pinned(skill))


def test_no_session_begins_with_a_skill_that_was_deleted(wire, skill, environment):
    agent = agent_with(wire, pinned(skill))
    wire.skills.delete(skill.id)
    with pytest.raises(anthropic.BadRequestError, match=skill.id) as refusal:
        wire.beta.sessions.create(agent=agent.id, environment_id=environment.id)
    assert refusal.value.body["error"]["details"]["error_code"] == "skill_not_found"
    assert wire.beta.agents.update(agent.id, name="b").name == "b"


def test_agents_that_use_a_skill_are_found(wire, skill, actor):
    agent_with(wire, pinned(skill))
    row = services.access_skill(actor, skill.id)
    assert [agent.name for agent in services.agents_with(row)] == ["a"]


def test_bytes_that_are_gone_are_an_error_that_says_so(call, skill):
    BLOBS.delete(SkillVersion.objects.get().storage_key)
    answer = call("GET", f"skills/{skill.id}/versions/{skill.latest_version_id}/content")
    assert (answer.status_code, "cannot be read" in json.dumps(answer.json())) == (503, True)


def test_a_strangers_skills_are_another_matter(stranger, skill):
    assert list(stranger.skills.list()) == []
    assert isinstance(stranger.skills.create(files=files()), Skill)


def test_versions_made_at_one_moment_keep_their_order(skill, actor, time_machine):
    row = services.access_skill(actor, skill.id)
    time_machine.move_to(row.created_at, tick=False)
    folder = folder_of_files(files())
    made = [services.add_version(row, folder, actor=actor).pk for _ in range(3)]
    assert list(row.versions.order_by("created_at").values_list("pk", flat=True))[1:] == made
