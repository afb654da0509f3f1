"""The demo in the running product: it fills itself, a reviewer approves, the next round knows."""

import time

import pytest

from agents.actors import Actor, platform
from agents.models import VerdictResult
from agents.practice import model
from dreams import reviewing
from dreams.demo import rounds
from dreams.demo.rounds import Step, build, next_step, run_again
from dreams.models import DreamStatus, Proposal, ProposalStatus
from memory.models import Memory
from memory.services import update_memory
from tests.dreams.quirk_world import Box, Run, run_round
from tests.dreams.test_demo_dream import with_actions_turned
from tests.stack import wait_for

SEED = "seed-4"
ROUND_SECONDS = 300.0
ASK_SECONDS = 0.3


@pytest.fixture
def demo(stack, workspace, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(rounds.secrets, "token_hex", lambda size: SEED)
        return build(workspace)


def wait_for_round(demo, number):
    def is_done():
        time.sleep(ASK_SECONDS)  # the product needs the processor more than this question does
        return next_step(demo, number) is Step.NOTHING or None

    wait_for(is_done, ROUND_SECONDS)
    sessions = {session.metadata["demo_task"]: session for session in demo.sessions(number)}
    return {key: session.verdict == VerdictResult.COMPLETED for key, session in sessions.items()}


def wait_for_dream(demo):
    wait_for(lambda: demo.dreams().filter(status=DreamStatus.COMPLETED).first(), ROUND_SECONDS)


def files_of(demo):
    return dict(Memory.objects.filter(store_id=demo.store_id).values_list("path", "content"))


def write(demo, files):
    for memory in Memory.objects.filter(store_id=demo.store_id):
        update_memory(memory, content=files[memory.path], actor=platform(demo.workspace))


def outcomes(runs: list[Run]) -> dict[str, bool]:
    return {run.task.key: run.completed for run in runs}


def share(completed: dict[str, bool]) -> float:
    return sum(completed.values()) / len(completed)


@pytest.mark.django_db(transaction=True)
def test_the_demo_fills_itself_and_what_a_reviewer_approves_lifts_the_next_round(demo, rita, tmp_path):
    box = Box(tmp_path)

    def alone(number, memory):
        return outcomes(run_round(lambda r: model.answer(r).body, box, demo.world, f"{SEED}/{number}", memory))

    empty = files_of(demo)
    first = wait_for_round(demo, 1)
    assert first == alone(1, empty)

    wait_for_dream(demo)
    for proposal in Proposal.objects.filter(store_id=demo.store_id, status=ProposalStatus.PENDING):
        reviewing.approve_proposal(proposal, actor=Actor.of_member(rita))
    learned = files_of(demo)
    assert run_again(demo) == 2
    second = wait_for_round(demo, 2)
    assert second == alone(2, learned)
    assert share(second) - share(first) >= 0.30

    write(demo, with_actions_turned(learned))
    run_again(demo)
    assert share(wait_for_round(demo, 3)) <= share(alone(3, empty))

    write(demo, dict.fromkeys(learned, ""))
    run_again(demo)
    assert wait_for_round(demo, 4) == alone(4, empty)
