"""What workers run: load by id, call one function, nothing else."""

from agents import leases
from dreams import pipeline, policies, reviewing
from dreams.models import Dream
from dreams.services import QUEUE, RUN_DREAM


def run_dream(dream_id: str) -> None:
    pipeline.run_dream(dream_id)


def sweep_dreams() -> int:
    """Every second: wake a worker for each dream that waits and that nobody drives."""
    return leases.sweep(Dream, RUN_DREAM, queue_name=QUEUE)


def finish_approved() -> int:
    """Every half minute: write what was approved when its process died before the store was written."""
    return reviewing.finish_approved()


def start_policies() -> int:
    """Every second: dream where a policy's time has come."""
    return policies.start_due_policies()
