"""The statements of every turn, by name: what a message and its answer ask the database for again and again."""

from typing import Any

from django.db.models import Count

from agents.models import Event, InboxEvent, ModelPrice, Session, SessionResource, Thread
from agents.prepared import PreparedDelete, PreparedInsert, PreparedQuery, PreparedUpdate

INTERRUPT = "user.interrupt"
MAIL_MAX = 100  # of the inbox at a time; an interrupt behind more than this is seen a few turns later

# Sessions and threads
update_session = PreparedUpdate(lambda session: Session.objects.filter(pk=session))
session_to_write = PreparedQuery[Session](
    lambda session: Session.objects.filter(pk=session).defer("agent_snapshot", "metadata")
)
update_thread = PreparedUpdate(lambda thread: Thread.objects.filter(pk=thread))
primary_thread = PreparedQuery[Thread](lambda session: Thread.objects.primary().filter(session=session))
resources_of = PreparedQuery[SessionResource](lambda session: SessionResource.objects.filter(session=session))

environment_of = PreparedQuery[tuple[dict[str, Any]]](
    lambda session: Session.objects.filter(pk=session).values_list("environment__config")
)
network_of = PreparedQuery[tuple[dict[str, Any], str, list[str]]](
    lambda session: Session.objects.filter(pk=session).values_list("environment__config", "workspace_id", "vault_ids")
)

# The log
insert_events = PreparedInsert(Event)
logged_between = PreparedQuery[tuple[int, str, str, dict[str, Any]]](
    lambda thread, after, before: (
        Event.objects.filter(thread=thread, seq__gt=after, seq__lt=before)
        .in_order()
        .values_list("seq", "event_id", "type", "payload")
    )
)

# The inbox
insert_mail = PreparedInsert(InboxEvent)
mail_of = PreparedQuery[InboxEvent](
    lambda thread: InboxEvent.objects.filter(thread=thread).order_by("position")[:MAIL_MAX]
)
some_mail = PreparedQuery[tuple[str]](lambda thread: InboxEvent.objects.filter(thread=thread).values_list("pk")[:1])
interrupts = PreparedQuery[tuple[str]](
    lambda thread: InboxEvent.objects.filter(thread=thread, type=INTERRUPT).values_list("pk")[:1]
)
mail_count = PreparedQuery[tuple[int]](
    lambda session: (
        InboxEvent.objects.filter(session=session).values("session").annotate(count=Count("pk")).values_list("count")
    )
)
delete_mail = PreparedDelete(
    lambda thread, first, last: InboxEvent.objects.filter(thread=thread, position__gte=first, position__lte=last)
)

# Money
terms_of = PreparedQuery[tuple[str, dict[str, Any], dict[str, Any] | None, dict[str, Any]]](
    lambda session: Session.objects.filter(pk=session).values_list(
        "workspace_id", "workspace__settings", "budget", "environment__config"
    )
)
own_prices = PreparedQuery[ModelPrice](
    lambda workspace: ModelPrice.objects.filter(workspace=workspace).order_by("valid_from")
)
