"""Webhook endpoints through the official client, and the secret that signs what they are told."""

import base64
import json
import re
from datetime import UTC, datetime

import anthropic
import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from agents.eventlog.append import WEBHOOK_OF
from agents.models import AuditEvent, WebhookEndpoint
from agents.services.webhooks import signing_secret
from agents.webhook_events import EVENT_TYPES
from dreams.models import DreamStatus, PolicyRunResult

URL = "https://hooks.example.com/lucid"
ORGANIZATION_EVENTS = ["external_key.failed", "user_profile.program_status_updated"]
OURS = ["session.status_idled", "vault_credential.refresh_failed", "proposal.applied"]


@pytest.fixture
def webhooks(wire):
    """The client's own type knows five events, which is what its strict validation lets through."""
    return wire.beta.organization.webhooks


@pytest.fixture
def endpoint(webhooks):
    return webhooks.create(url=URL, enabled_events=ORGANIZATION_EVENTS, name="Ops", description="d")


def post(call, path="", **body):
    return call("POST", f"organizations/webhooks{path}", json.dumps(body))


def refused(answer):
    return answer.status_code, answer.json()["error"]["message"]


def verified(sdk, body, headers, key):
    return sdk.beta.webhooks.unwrap(body, headers=headers, key=key)


def test_the_signing_secret_is_told_once(webhooks, call, endpoint):
    assert (endpoint.name, endpoint.state, endpoint.disabled_reason) == ("Ops", "enabled", "")
    assert len(base64.b64decode(endpoint.signing_secret.removeprefix("whsec_"), validate=True)) == 32
    found = webhooks.retrieve(endpoint.id)
    assert found.to_dict() == {name: v for name, v in endpoint.to_dict().items() if name != "signing_secret"}
    rows = f"{list(WebhookEndpoint.objects.values())} {list(AuditEvent.objects.values())}"
    listed = call("GET", "organizations/webhooks").content.decode()
    assert endpoint.signing_secret not in rows + listed


def test_what_the_stored_secret_signs_is_what_the_client_verifies(sdk, webhooks, endpoint):
    def sign(body):
        now = datetime.now(UTC)
        stored = signing_secret(WebhookEndpoint.objects.get())
        return {
            "webhook-id": "whe_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(stored).sign("whe_1", now, body),
        }

    data = {"type": "vault.created", "id": "vlt_1", "organization_id": "o", "workspace_id": "w"}
    body = json.dumps({"type": "event", "id": "whe_1", "created_at": "2026-11-20T10:00:00Z", "data": data})
    assert verified(sdk, body, sign(body), endpoint.signing_secret).data.id == "vlt_1"
    fresh = webhooks.regenerate_signing_secret(endpoint.id).signing_secret
    assert fresh != endpoint.signing_secret
    assert verified(sdk, body, sign(body), fresh).id == "whe_1"
    with pytest.raises(WebhookVerificationError):
        verified(sdk, body, sign(body), endpoint.signing_secret)


def test_only_what_is_sent_changes(webhooks, endpoint):
    changed = webhooks.update(endpoint.id, name="", enabled_events=[])
    assert (changed.name, changed.description, changed.url) == ("", "d", URL)
    assert changed.enabled_events == ORGANIZATION_EVENTS
    assert webhooks.update(endpoint.id) == changed
    assert webhooks.update(endpoint.id, enabled_events=ORGANIZATION_EVENTS[:1]).enabled_events == [
        "external_key.failed"
    ]


def test_enabling_forgets_why_it_was_disabled(webhooks, endpoint):
    assert webhooks.update(endpoint.id, state="disabled").state == "disabled"
    WebhookEndpoint.objects.update(disabled_reason="auto-disabled: it answered with a redirect")
    assert webhooks.retrieve(endpoint.id).disabled_reason.startswith("auto-disabled")
    enabled = webhooks.update(endpoint.id, state="enabled")
    assert (enabled.state, enabled.disabled_reason) == ("enabled", "")


def test_an_endpoint_is_deleted(webhooks, endpoint):
    gone = webhooks.delete(endpoint.id)
    assert (gone.id, gone.type) == (endpoint.id, "webhook_endpoint_deleted")
    for missing in (webhooks.retrieve, webhooks.update, webhooks.delete, webhooks.regenerate_signing_secret):
        with pytest.raises(anthropic.NotFoundError):
            missing(endpoint.id)


def test_whatever_happens_can_be_chosen(settings):
    told = {f"dream.{status}" for status in DreamStatus.values if status != "pending"}
    told |= {f"dream_policy.run_{result}" for result in PolicyRunResult.values}
    told |= set(WEBHOOK_OF.values())
    for app in ("agents", "memory", "outcomes", "dreams"):
        for path in (settings.BASE_DIR / app).rglob("*.py"):
            told |= set(re.findall(r'\bemit\([^"]*"([a-z_]+\.[a-z_]+)"', path.read_text()))
    assert len(told) > 40
    assert told - EVENT_TYPES == set()


def test_every_event_can_be_chosen_and_an_unknown_one_is_named(call):
    made = post(call, url=URL, enabled_events=[*OURS, OURS[0]]).json()
    assert made["enabled_events"] == OURS
    status, message = refused(post(call, url=URL, enabled_events=["session.created", "moon.landed", "x"]))
    assert (status, "'moon.landed', 'x'" in message, "vault.archived" in message) == (400, True, True)
    assert refused(post(call, url=URL, enabled_events=[]))[0] == 400
    assert refused(post(call, f"/{made['id']}", enabled_events=["moon.landed"]))[0] == 400


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com",
        "https://hooks.example.com:8443/x",
        "https://localhost/x",
        "https://127.0.0.1/x",
        "https://10.1.2.3",
        "https://[::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://[::7f00:1]/x",
        "https://[fec0::1]/x",
        "https://169.254.169.254/latest",
        "https://2130706433/",
        "https://machine/x",
        "https://hooks.internal/x",
        "https://user:secret@hooks.example.com",
        "https://hooks.example.com/a b",
        "https://hooks.example.com:port/",
        "https:///x",
        "mailto:ann@example.com",
        "",
        "https://hooks.example.com/" + "x" * 2_048,
    ],
)
def test_only_public_https_addresses_are_taken(call, url):
    status, message = refused(post(call, url=url, enabled_events=OURS))
    assert (status, message[:4]) == (400, "url:")
    assert "secret" not in message


def test_private_addresses_are_taken_where_the_operator_says_so(call, settings):
    settings.LUCID_ALLOW_PRIVATE_WEBHOOKS = True
    assert post(call, url="http://127.0.0.1:9000/x", enabled_events=OURS).status_code == 200
    assert post(call, url="ftp://127.0.0.1/x", enabled_events=OURS).status_code == 400


def test_a_workspace_has_thirty_two(webhooks, call):
    made = [webhooks.create(url=f"{URL}/{n}", enabled_events=ORGANIZATION_EVENTS).id for n in range(32)]
    status, message = refused(post(call, url=URL, enabled_events=OURS))
    assert (status, "at most 32" in message) == (400, True)

    page = webhooks.list()
    assert ([found.id for found in page.data], page.has_more) == (made[:11:-1], True)
    assert (page.first_id, page.last_id) == (made[31], made[12])
    assert webhooks.list(limit=0).data == page.data
    assert [found.id for found in webhooks.list(limit=7)] == made[::-1]
    assert [found.id for found in webhooks.list(order="asc", limit=9)] == made
    before = webhooks.list(before_id=made[20], limit=5)
    assert ([found.id for found in before.data], before.has_more) == (made[:26:-1], True)
    assert webhooks.list(after_id=made[0]).data == []
    for query in ("limit=101", "limit=-1", "order=up", "after_id=whend_x", f"after_id={made[0]}&before_id={made[1]}"):
        assert call("GET", f"organizations/webhooks?{query}").status_code == 400


def test_without_its_beta_the_route_is_not_there(call, endpoint):
    answer = call("GET", "organizations/webhooks", anthropic_beta="managed-agents-2026-04-01")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")
