"""The pages of skills: upload, look into, download and delete, without JavaScript."""

import io
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from agents.models import Skill
from agents.services.agents import create_agent
from agents.services.skills import add_version
from agents.skill_folders import folder_of_files
from tests.agents.skills import make_skill

TOOLSET = {"type": "agent_toolset_20260401"}


def zipped(name="pdf-forms", text="<b>How</b>", top=None):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{top or name}/SKILL.md", f"---\nname: {name}\ndescription: Fill in forms.\n---\n{text}\n")
    return SimpleUploadedFile("skill.zip", packed.getvalue())


@pytest.fixture
def skill(actor):
    return make_skill(actor)


@pytest.fixture
def newer(skill, actor):
    head = b"---\nname: pdf-forms\ndescription: Newer.\n---\nAnother way.\n"
    return add_version(skill, folder_of_files([("pdf-forms/SKILL.md", head)]), actor=actor)


def test_an_uploaded_skill_is_shown_as_text(as_alice):
    answer = as_alice.post(reverse("skill-new"), {"archive": zipped(), "display_name": "Forms"}, follow=True)
    assert answer.redirect_chain[0][1] == 303
    page = answer.content.decode()
    assert "&lt;b&gt;How&lt;/b&gt;" in page
    assert "Forms is uploaded." in page
    assert "Forms" in as_alice.get(reverse("skills")).content.decode()


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({}, "Choose a zip first."),
        ({"archive": SimpleUploadedFile("x.zip", b"no zip")}, "this is no zip"),
        ({"archive": zipped("Bad Name")}, "lower-case"),
        ({"archive": zipped(top="../x")}, "leads out"),
        ({"archive": zipped(), "display_name": "x" * 256}, "at most 255"),
    ],
)
def test_an_upload_that_is_no_skill_comes_back_with_the_reason(as_alice, sent, message):
    for value in sent.values():
        if hasattr(value, "seek"):
            value.seek(0)
    answer = as_alice.post(reverse("skill-new"), sent)
    assert (answer.status_code, message in answer.content.decode()) == (422, True)
    assert not Skill.objects.exists()


def test_a_name_that_is_taken_is_said_at_the_field(as_alice, skill):
    answer = as_alice.post(reverse("skill-new"), {"archive": zipped()})
    assert (answer.status_code, "exists already" in answer.content.decode()) == (422, True)


def test_a_new_version_is_the_one_that_is_shown(as_alice, skill):
    answer = as_alice.post(reverse("skill-upload", args=[skill.pk]), {"archive": zipped(text="Better")}, follow=True)
    assert "Better" in answer.content.decode()
    answer = as_alice.post(reverse("skill-upload", args=[skill.pk]), {"archive": zipped("other")})
    assert (answer.status_code, "for good" in answer.content.decode()) == (422, True)


def test_an_older_version_says_so(as_bob, skill, newer):
    page = as_bob.get(reverse("skill-version", args=[skill.pk, skill.latest_version_id])).content.decode()
    assert "This is an older version" in page
    assert "Another way." not in page
    assert "Delete" not in page


def test_a_download_is_a_zip(as_bob, skill):
    answer = as_bob.get(reverse("skill-download", args=[skill.pk, skill.latest_version_id]))
    assert answer["content-disposition"] == 'attachment; filename="pdf-forms.zip"'
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == ["pdf-forms/SKILL.md"]


def test_deleting_asks_first_and_names_the_agents(as_alice, skill, actor):
    pinned = [{"type": "custom", "skill_id": skill.pk}]
    create_agent({"name": "Formfiller", "model": "m", "tools": [TOOLSET], "skills": pinned}, actor=actor)
    address = reverse("skill-delete", args=[skill.pk])
    assert "Formfiller" in as_alice.get(address).content.decode()
    assert Skill.objects.exists()
    assert as_alice.post(address).url == reverse("skills")
    assert not Skill.objects.exists()


def test_a_version_is_deleted_and_the_last_one_is_not(as_alice, skill, newer):
    first = as_alice.post(reverse("skill-version-delete", args=[skill.pk, skill.latest_version_id]))
    assert first.url == reverse("skill", args=[skill.pk])
    last = reverse("skill-version-delete", args=[skill.pk, newer.pk])
    assert "only version" in as_alice.get(last).content.decode()
    assert as_alice.post(last).status_code == 409
