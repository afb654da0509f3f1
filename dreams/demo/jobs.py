"""What brings demos forward: a tick that finds one which can go on, and the job that does what it lacks."""

import logging

from django.conf import settings

from agents import queue
from agents.exceptions import DomainError
from agents.plugs import model_client
from dreams.demo.rounds import Demo, Step, advance, demo_agents, next_step

logger = logging.getLogger("lucid")

ADVANCE = "dreams.demo.jobs.advance_demo"
LOCK_SECONDS = 20  # a demo whose job was lost or failed is tried again this much later; running it twice is harmless


def tick() -> None:
    """Every two seconds: wake a worker for each demo that can go on. Generated tasks are no work for a paid model."""
    if not model_client().is_practice:
        return
    for agent in demo_agents():
        demo = Demo.of(agent)
        if next_step(demo, demo.latest_round or 1) in (Step.WAIT, Step.NOTHING):
            continue
        if queue.connection().set(_lock(agent.pk), "1", nx=True, ex=LOCK_SECONDS):
            queue.enqueue_now(ADVANCE, agent.pk, queue="batch")


def advance_demo(agent_id: str) -> None:
    agent = demo_agents().filter(pk=agent_id).first()
    if agent is not None:
        demo = Demo.of(agent)
        try:
            advance(demo, demo.latest_round or 1, base_url=settings.LOCAL_URL)
        except DomainError as error:
            logger.warning("The demo waits, it is tried again in %d s: %s", LOCK_SECONDS, error)
            return
    queue.connection().delete(_lock(agent_id))


def _lock(agent_id: str) -> str:
    return f"lucid:demo:{agent_id}"
