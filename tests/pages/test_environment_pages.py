"""Environments on pages: made, changed, archived and deleted, and what of them applies on this machine."""

import pytest

from agents.models import Environment
from agents.services.agents import create_agent
from agents.services.environments import create_environment
from agents.services.sessions import archive_session, create_session

LIMITED = {
    "type": "cloud",
    "networking": {"type": "limited", "allowed_hosts": ["a.io", "*.b.io"], "allow_package_managers": True},
    "packages": {"pip": ["rich", "pandas==2.2"]},
}


@pytest.fixture
def environment(actor):
    return create_environment({"name": "box", "config": LIMITED, "metadata": {"a": "1"}}, actor=actor)


def typed(client, url, **changes):
    form = client.get(url).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in {**values, **changes}.items() if value not in (None, "", False)}


def test_an_environment_is_made_from_what_was_typed(as_alice, workspace):
    typed_in = {
        "name": "box",
        "type": "cloud",
        "networking": "limited",
        "allowed_hosts": "a.io\r\n*.b.io",
        "allow_package_managers": "on",
        "packages": "pip: rich pandas==2.2",
        "metadata": "a = 1",
    }
    answer = as_alice.post("/environments/new/", typed_in)
    made = Environment.objects.get()
    assert answer.url == f"/environments/{made.pk}/"
    assert made.config["networking"]["allowed_hosts"] == ["a.io", "*.b.io"]
    assert (made.config["packages"]["pip"], made.metadata) == (["rich", "pandas==2.2"], {"a": "1"})
    page = as_alice.get(answer.url).content.decode()
    assert "Network inside the sandbox: limited." in page
    assert "the sandbox host does not say whether they are here" in page


@pytest.mark.parametrize(("is_on", "told"), [(True, "every public host"), (False, "LUCID_EGRESS=off")])
def test_the_page_says_what_commands_reach_here(as_alice, actor, settings, is_on, told):
    settings.LUCID_EGRESS = is_on
    open_to_all = create_environment({"name": "open"}, actor=actor)
    assert told in as_alice.get(f"/environments/{open_to_all.pk}/").content.decode()


def test_saving_an_untouched_form_changes_nothing(as_alice, environment):
    url = f"/environments/{environment.pk}/edit/"
    as_alice.post(url, typed(as_alice, url))
    after = Environment.objects.get()
    assert (after.config, after.metadata, after.updated_at) == (
        environment.config,
        environment.metadata,
        environment.updated_at,
    )
    as_alice.post(url, typed(as_alice, url, networking="unrestricted", packages="", metadata=""))
    after.refresh_from_db()
    assert (after.config["networking"], after.config["packages"]["pip"], after.metadata) == (
        {"type": "unrestricted"},
        [],
        {},
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "other"}, "name"),
        ({"allowed_hosts": "a.io/x"}, "allowed_hosts"),
        ({"packages": "conda: x"}, "packages"),
        ({"packages": "pip -r x"}, "packages"),
        ({"packages": "pip: --index-url=x"}, "packages"),
        ({"allow_package_managers": ""}, "packages"),
        ({"metadata": "x"}, "metadata"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(as_alice, actor, environment, changes, field):
    create_environment({"name": "other"}, actor=actor)
    url = f"/environments/{environment.pk}/edit/"
    answer = as_alice.post(url, typed(as_alice, url, description="Kept words.", **changes))
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
    assert "Kept words." in answer.content.decode()


def test_a_self_hosted_one_says_how_its_workers_stand(as_alice, as_bob, actor):
    made = create_environment({"name": "ours", "config": {"type": "self_hosted"}}, actor=actor)
    shown = as_alice.get(f"/environments/{made.pk}/").content.decode()
    assert "No worker asks for work" in shown
    assert "AsyncAnthropic(base_url=&quot;http://testserver&quot;" in shown or 'base_url="http://testserver"' in shown
    assert "Make a key" in shown
    assert "Make a key" not in as_bob.get(f"/environments/{made.pk}/").content.decode()
    url = f"/environments/{made.pk}/edit/"
    assert as_alice.post(url, typed(as_alice, url, name="theirs")).status_code == 303
    assert Environment.objects.get().name == "theirs"


def test_a_workers_key_is_shown_once_and_revoked(as_alice, actor):
    made = create_environment({"name": "ours", "config": {"type": "self_hosted"}}, actor=actor)
    url = f"/environments/{made.pk}/keys/"
    assert as_alice.post(url, {"key_name": " "}).status_code == 422
    answer = as_alice.post(url, {"key_name": "<b>box</b>"})
    text = answer.context["text"]
    assert text.startswith("sk-ant-oat01-")
    assert text in answer.content.decode()
    assert "no-store" in answer.headers["cache-control"]
    shown = as_alice.get(f"/environments/{made.pk}/").content.decode()
    assert text not in shown
    assert "&lt;b&gt;box&lt;/b&gt;" in shown
    key = made.keys.get()
    assert not key.may_confirm
    assert as_alice.get(f"{url}{key.pk}/revoke/").status_code == 200
    assert as_alice.post(f"{url}{key.pk}/revoke/").status_code == 303
    key.refresh_from_db()
    assert key.revoked_at


def test_a_key_may_confirm_calls_only_where_the_box_was_ticked(as_alice, actor):
    made = create_environment({"name": "ours", "config": {"type": "self_hosted"}}, actor=actor)
    as_alice.post(f"/environments/{made.pk}/keys/", {"key_name": "box", "may_confirm": "on"})
    assert made.keys.get().may_confirm
    assert "may confirm tool calls" in as_alice.get(f"/environments/{made.pk}/").content.decode()


def test_a_cloud_environment_has_no_keys(as_alice, environment):
    assert as_alice.post(f"/environments/{environment.pk}/keys/", {"key_name": "x"}).status_code == 422


def test_deleting_waits_for_its_sessions(as_alice, actor, environment):
    agent = create_agent({"name": "Ann", "model": "m"}, actor=actor)
    session = create_session({"agent": agent.pk, "environment_id": environment.pk}, actor=actor)
    url = f"/environments/{environment.pk}/delete/"
    assert "Archive it first" in as_alice.get(url).content.decode()
    assert as_alice.post(url).status_code == 409
    archive_session(session, actor=actor)
    assert as_alice.post(url).url == "/environments/"
    assert as_alice.get(f"/environments/{environment.pk}/").status_code == 404


def test_archiving_asks_first(as_alice, environment):
    url = f"/environments/{environment.pk}/archive/"
    assert "cannot be brought back" in as_alice.get(url).content.decode()
    as_alice.post(url)
    assert Environment.objects.get().is_archived
    assert "archived" in as_alice.get("/environments/").content.decode()


def test_who_saves_over_somebody_elses_change_sees_both_first(as_alice, environment):
    address = f"/environments/{environment.pk}/edit/"
    mine = typed(as_alice, address, description="mine", allowed_hosts="mine.io")
    as_alice.post(address, typed(as_alice, address, allowed_hosts="theirs.io"))
    answer = as_alice.post(address, mine)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert all(words in page for words in ("saved this environment meanwhile", "theirs.io", "mine.io"))
    assert [label for label, *_ in answer.context["form"].theirs] == ["Description", "Allowed hosts"]
    again = {name: answer.context["form"][name].value() for name in mine}
    assert as_alice.post(address, again).status_code == 303
    environment.refresh_from_db()
    assert environment.config["networking"]["allowed_hosts"] == ["mine.io"]


def test_nobody_fills_in_a_form_for_what_is_archived(as_alice, environment):
    address = f"/environments/{environment.pk}/edit/"
    late = typed(as_alice, address, description="late")
    as_alice.post(f"/environments/{environment.pk}/archive/")
    opened = as_alice.get(address, follow=True)
    assert opened.redirect_chain == [(f"/environments/{environment.pk}/", 303)]
    assert "it takes no more changes" in opened.content.decode()
    sent = as_alice.post(address, late)
    assert (sent.status_code, "is archived" in sent.content.decode(), "late" in sent.content.decode()) == (
        422,
        True,
        True,
    )
