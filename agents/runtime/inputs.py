"""Takes messages from a thread's inbox into its log."""

from django.db import transaction

from agents.client_events import SYSTEM
from agents.eventlog import statements
from agents.eventlog.append import NewEvent
from agents.eventlog.statements import MAIL_MAX
from agents.models import InboxEvent
from agents.runtime.model_requests import with_next_request
from agents.runtime.turn import Turn


def take_input(turn: Turn, opens_turn: bool) -> None:
    """Move the oldest message from the inbox into the log and open the model request it leads to."""
    # Only the holder of the lease takes mail, so what is the oldest now is still there in the transaction.
    mail = next(mail for mail in turn.mail if mail.type == "user.message")
    taken = [mail, *_companion(turn, mail)]
    messages = [NewEvent(type=row.type, payload=row.payload, event_id=row.pk, trust=row.trust) for row in taken]
    if opens_turn and turn.has_toolbox:
        turn.toolbox.servers.try_again()
    with transaction.atomic():
        opening = turn.running() if opens_turn else []
        turn.append(with_next_request(turn, [*opening, *messages]))
        statements.delete_mail.run(turn.thread.pk, mail.position, taken[-1].position)


def _companion(turn: Turn, mail: InboxEvent) -> list[InboxEvent]:
    """The system message that was sent with it, and belongs to its turn."""
    if mail is turn.mail[-1] and len(turn.mail) == MAIL_MAX:  # the look into the inbox ended between the two
        return list(InboxEvent.objects.filter(thread=turn.thread, type=SYSTEM, position=mail.position + 1))
    return [row for row in turn.mail if (row.type, row.position) == (SYSTEM, mail.position + 1)]
