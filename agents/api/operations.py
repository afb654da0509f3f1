"""What the caller's workspace has under way and in line, and the limits that hold for it."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from ninja import Router

from agents import limits
from agents.api.auth import ApiRequest
from agents.eventlog.wire import timestamp
from agents.services.operations import turn_slots
from agents.services.turn_load import loads_of

router = Router(tags=["operations"])


@router.get("")
def get_operations(request: ApiRequest) -> dict[str, Any]:
    """Turns of this workspace that run, wait for a worker or wait to ask the model again, and for how long; workers
    lost with the steps under way, and model requests that recovery repeated in a day. Where turns wait, the workspace
    with the fewest running goes first. `slots` is null while nobody knows how many there are."""
    now = timezone.now()
    (load,) = loads_of([request.auth.workspace], now)
    return {
        "type": "operations_report",
        "created_at": timestamp(now),
        "turns": {
            "running": load.running,
            "waiting": load.waiting,
            "oldest_wait_seconds": round((now - load.since).total_seconds(), 1) if load.since else None,
            "retrying": load.retrying,
            "lost": load.lost,
            "losses": load.losses,
            "repeated_model_requests": load.repeated,
        },
        "limits": {
            "slots": turn_slots(),
            "slots_per_worker": settings.LUCID_TURN_SLOTS,
            "queued_events_per_session": limits.QUEUED_EVENTS_MAX,
            "model_requests_per_turn": limits.MODEL_REQUESTS_PER_TURN_MAX,
            "losses_per_step": limits.STEP_LOSSES_MAX,
            "reads_per_minute": settings.LUCID_READS_PER_MINUTE,
            "writes_per_minute": settings.LUCID_WRITES_PER_MINUTE,
        },
    }
