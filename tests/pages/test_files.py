"""The pages of files, without JavaScript unless said otherwise."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from agents import blobs
from agents.models import File, SessionResource
from tests.agents.files import make_output, make_upload
from tests.pages.reviews import make_session


@pytest.fixture
def session(actor):
    return make_session(actor)


def send(client, data=b"a,b\n", name="data.csv", **fields):
    return client.post("/files/upload/", {"file": SimpleUploadedFile(name, data, "text/csv"), **fields})


def test_a_file_is_uploaded_and_shown(as_alice):
    response = send(as_alice, expires_in_seconds="86400")
    assert (response.status_code, response.url) == (303, "/files/")
    file = File.objects.get()
    assert (file.filename, file.mime_type, (file.expires_at - file.created_at).days) == ("data.csv", "text/csv", 1)
    with blobs.open_blob(file.storage_key) as stored:
        assert stored.read() == b"a,b\n"
    html = as_alice.get("/files/").content.decode()
    assert "data.csv is uploaded" in html
    assert file.pk in html


def test_an_upload_without_a_file_is_asked_for_one(as_alice, settings):
    response = as_alice.post("/files/upload/", {"expires_in_seconds": "5"})
    assert response.status_code == 422
    assert "Choose a file first." in response.content.decode()
    assert not File.objects.exists()


def test_the_list_is_narrowed(as_bob, actor, session):
    make_upload(actor, filename="plan.txt")
    make_output(session, path="charts/plan.png")
    assert {"plan.txt", "charts/plan.png"} <= shown(as_bob, "")
    assert shown(as_bob, "?origin=uploads") == {"plan.txt"}
    assert shown(as_bob, f"?session={session.pk}") == {"charts/plan.png"}
    assert shown(as_bob, "?q=PLAN.T") == {"plan.txt"}
    assert shown(as_bob, "?q=nothing&origin=zzz") == set()


def shown(client, query):
    html = client.get(f"/files/{query}", headers={"hx-request": "true", "hx-target": "file-rows"}).content.decode()
    return {name for name in ("plan.txt", "charts/plan.png") if name in html}


def test_what_a_session_made_is_downloaded_from_its_page(as_bob, session):
    file = make_output(session)
    address = f"/files/{file.pk}/download/"
    assert address in as_bob.get(f"/sessions/{session.pk}/").content.decode()
    response = as_bob.get(address)
    assert b"".join(response.streaming_content) == b"<b>1</b>"
    assert response["content-disposition"] == 'attachment; filename="report.html"'
    assert "sandbox" in response["content-security-policy"]


def test_an_upload_is_not_handed_out(as_alice, actor):
    response = as_alice.get(f"/files/{make_upload(actor).pk}/download/")
    assert response.status_code == 400
    assert "was uploaded" in response.content.decode()


def test_deleting_asks_first(as_alice, actor):
    file = make_upload(actor)
    address = f"/files/{file.pk}/delete/"
    assert "cannot be brought back" in as_alice.get(address).content.decode()
    assert as_alice.post(address).status_code == 303
    assert not File.objects.exists()


def test_names_are_shown_as_text(as_bob, actor):
    make_upload(actor, filename="<script>x")
    html = as_bob.get("/files/").content.decode()
    assert "&lt;script&gt;x" in html
    assert "<script>x" not in html


def test_a_sessions_page_names_what_is_attached(as_bob, session):
    kept = {"filename": "data.csv", "mount_path": "/mnt/session/uploads/in/a.csv"}
    at = timezone.now()
    SessionResource.objects.create(session=session, kind="file", target_id="file_x", config=kept, created_at=at)
    html = as_bob.get(f"/sessions/{session.pk}/").content.decode()
    assert "data.csv" in html
    assert "/mnt/session/uploads/in/a.csv" in html
