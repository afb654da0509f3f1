"""What workers run: load by id, call one function, nothing else."""

from agents import blobs, leases, queue
from agents.models import Thread
from agents.plugs import sandbox
from agents.runtime import loop
from agents.services import cost_counting, deployment_runs, files, work_queue
from agents.services.threads import RUN_THREAD


def run_thread(thread_id: str) -> None:
    loop.run_thread(thread_id)


def destroy_sandbox(session_id: str) -> None:
    sandbox().destroy(session_id)


def sweep_threads() -> int:
    """Every second: wake a worker for each thread that waits and that nobody drives."""
    woken = leases.sweep(Thread, RUN_THREAD)
    queue.note_round()
    return woken


def start_due_deployments() -> int:
    """Every second: start a session of each deployment whose time has come."""
    return deployment_runs.start_due_deployments()


def sweep_work() -> int:
    """Every second: put sessions back into the line whose self-hosted worker no longer beats."""
    return work_queue.sweep()


def forget_old_work() -> int:
    """Take stopped work out of the lists when nobody looks for it any more."""
    return work_queue.forget_old_work()


def sweep_blobs() -> int:
    """Delete stored bytes that no row names."""
    return blobs.sweep()


def sweep_files() -> int:
    """Take away what expired long ago, what no row names, and what a killed web server left of an upload."""
    blobs.clear_uploads()
    return files.sweep_expired() + blobs.sweep()


def count_costs() -> int:
    """Add what rests to the sums of costs by day."""
    return cost_counting.count_resting()
