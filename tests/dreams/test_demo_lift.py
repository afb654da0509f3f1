"""What the practice agent gains from memory, on ten seeds, and that nothing but the right memory makes it gain."""

from dataclasses import dataclass

import pytest

from agents.practice import model
from dreams.demo.world import Quirk, World, build_world
from tests.agents.practice_server import client_of, running_practice
from tests.dreams.quirk_world import (
    Ask,
    Box,
    Run,
    lesson,
    memory_of,
    rate,
    right_memory,
    run_round,
    run_task,
    shown_by,
    shuffled_memory,
)

SEEDS = tuple(f"seed-{number}" for number in range(1, 11))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """One world: a first round without memory, then the same second round under several memories."""

    world: World
    first: list[Run]
    without: list[Run]
    learned: list[Run]
    emptied: list[Run]
    shuffled: list[Run]
    foreign: list[Run]
    renamed: list[Run]


def in_process(request):
    return model.answer(request).body


@pytest.fixture(scope="module")
def over_http():
    with running_practice() as url:
        client = client_of(url)
        yield lambda request: client.messages.create(**request).model_dump(mode="json", exclude_none=True)


@pytest.fixture(scope="module")
def box(tmp_path_factory) -> Box:
    return Box(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def all_arms(over_http: Ask, box: Box) -> dict[str, Arms]:
    return {seed: arms_of(over_http, box, seed) for seed in SEEDS}


def arms_of(over_http: Ask, box: Box, seed: str) -> Arms:
    """What is compared goes through the real client; the controls call the same pure function."""
    world, other = build_world(seed), build_world(f"{seed}/other")
    renamed = build_world(seed, naming=f"{seed}/renamed")
    first = run_round(over_http, box, world, f"{seed}/1")
    again = f"{seed}/2"
    return Arms(
        world=world,
        first=first,
        without=run_round(in_process, box, world, again),
        learned=run_round(over_http, box, world, again, right_memory(world, shown_by(first, world))),
        emptied=run_round(in_process, box, world, again, {}),
        shuffled=run_round(in_process, box, world, again, shuffled_memory(world)),
        foreign=run_round(in_process, box, world, again, right_memory(other)),
        renamed=run_round(in_process, box, renamed, again, right_memory(renamed)),
    )


def pooled(all_arms: dict[str, Arms], arm: str) -> float:
    return rate([run for arms in all_arms.values() for run in getattr(arms, arm)])


def of_quirk(runs: list[Run], world: World, quirk: Quirk) -> float:
    return rate([run for run in runs if world.families[run.task.family].quirk is quirk])


def test_without_memory_about_two_in_five_tasks_are_completed(all_arms):
    assert 0.30 <= pooled(all_arms, "first") <= 0.50
    assert 0.30 <= pooled(all_arms, "without") <= 0.45


def test_lessons_that_the_first_round_shows_complete_nearly_all_tasks_of_the_next(all_arms):
    assert pooled(all_arms, "learned") >= 0.85


@pytest.mark.parametrize("seed", SEEDS)
def test_every_seed_gains_at_least_thirty_points(all_arms, seed):
    arms = all_arms[seed]
    assert rate(arms.learned) - rate(arms.without) >= 0.30


def test_an_emptied_memory_gives_no_lift_on_any_seed(all_arms):
    for arms in all_arms.values():
        assert [run.completed for run in arms.emptied] == [run.completed for run in arms.without]


def test_lessons_shuffled_across_families_give_no_lift_on_any_seed(all_arms):
    for arms in all_arms.values():
        assert rate(arms.shuffled) <= rate(arms.without)


def test_the_lessons_of_another_world_give_no_lift_on_any_seed(all_arms):
    for arms in all_arms.values():
        assert [run.completed for run in arms.foreign] == [run.completed for run in arms.without]


def test_a_renamed_world_is_learnt_as_well(all_arms):
    right = rate([run for arms in all_arms.values() for run in arms.renamed])
    assert abs(right - pooled(all_arms, "learned")) <= 0.10


def test_families_without_a_quirk_gain_nothing_and_lose_nothing(all_arms):
    for arms in all_arms.values():
        assert of_quirk(arms.without, arms.world, Quirk.NONE) == 1.0
        assert of_quirk(arms.learned, arms.world, Quirk.NONE) == 1.0


def test_the_silent_family_is_never_learnt_because_no_transcript_shows_its_fault(all_arms):
    for arms in all_arms.values():
        assert of_quirk(arms.learned, arms.world, Quirk.SILENT) == 0.0
        assert all(not failed for run in arms.first if is_silent(run, arms.world) for _call, failed in run.calls)


def is_silent(run: Run, world: World) -> bool:
    return world.families[run.task.family].quirk is Quirk.SILENT


def test_a_family_that_no_lesson_speaks_of_gains_nothing(all_arms, box):
    arms = all_arms[SEEDS[0]]
    runs = run_round(in_process, box, arms.world, f"{SEEDS[0]}/2", right_memory(arms.world, [0, 1]))
    for plain, taught in zip(arms.without, runs, strict=True):
        if plain.task.family not in (0, 1):
            assert taught.completed == plain.completed


def test_a_lesson_for_the_whole_program_does_not_cure_its_other_file_type(all_arms, box):
    arms = all_arms[SEEDS[0]]
    text = lesson(arms.world, 0).replace(f"is run on `*.{arms.world.families[0].extension}`", "is called")
    runs = run_round(in_process, box, arms.world, f"{SEEDS[0]}/2", memory_of(arms.world, [(0, text)]))
    for plain, taught in zip(arms.without, runs, strict=True):
        if plain.task.family == 0:
            assert taught.completed
        if plain.task.family == 1:
            assert not taught.completed or plain.completed


def test_lessons_shorten_the_way_to_an_answer(all_arms):
    for arms in all_arms.values():
        assert mean_calls(arms.learned) < mean_calls(arms.without) / 2


def mean_calls(runs: list[Run]) -> float:
    return sum(len(run.calls) for run in runs) / len(runs)


def test_no_cure_stands_in_a_request_before_the_program_itself_printed_it(all_arms):
    for arms in all_arms.values():
        for run in arms.first:
            family = arms.world.families[run.task.family]
            before_help = run.requests[:2]  # the plain call, and the request that asks for the help text
            assert not any(token in str(before_help) for token in family.cure if token.startswith("--"))


def test_with_blanked_tool_results_no_task_of_a_quirk_is_completed(all_arms, box):
    arms = all_arms[SEEDS[0]]
    for run in arms.without:
        assert not run_task(in_process, box, run.task, right_memory(arms.world), blind=True).completed


def test_the_same_round_run_twice_and_over_http_goes_the_same_way(all_arms, box, over_http):
    arms = all_arms[SEEDS[0]]
    assert run_round(over_http, box, arms.world, f"{SEEDS[0]}/2") == arms.without
