"""The demo's loop on ten seeds without the tables: a round, a dream over it, a reviewer, the round after."""

import re
from dataclasses import dataclass, replace

import pytest

from agents.practice import model
from dreams.changes import apply_changes
from dreams.demo.world import Family, Quirk, World, build_world
from dreams.entries import all_entries, render_index
from tests.dreams.pure_dream import Dreamt, digest_of, dream
from tests.dreams.quirk_world import (
    Box,
    Memory,
    Run,
    events_of,
    learnable,
    lesson,
    rate,
    run_round,
    shown_by,
)

SEEDS = tuple(f"seed-{number}" for number in range(1, 11))
EMPTY: Memory = {"/_index.md": "# Index\n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    world: World
    first: list[Run]
    dreamt: Dreamt
    memory: Memory
    without: list[Run]
    after: list[Run]
    shuffled: list[Run]


def ask(request):
    return model.answer(request).body


@pytest.fixture(scope="module")
def loops(tmp_path_factory) -> dict[str, Loop]:
    box = Box(tmp_path_factory.mktemp("workspace"))
    return {seed: loop_of(box, seed, build_world(seed)) for seed in SEEDS}


@pytest.fixture(scope="module")
def renamed_loops(tmp_path_factory) -> dict[str, Loop]:
    box = Box(tmp_path_factory.mktemp("workspace"))
    return {seed: loop_of(box, seed, build_world(seed, naming=f"{seed}/renamed")) for seed in SEEDS[:5]}


def loop_of(box: Box, seed: str, world: World) -> Loop:
    first = run_round(ask, box, world, f"{seed}/1", EMPTY)
    dreamt = dreamt_over(first, EMPTY)
    memory = approved(dreamt, EMPTY)
    return Loop(
        world=world,
        first=first,
        dreamt=dreamt,
        memory=memory,
        without=run_round(ask, box, world, f"{seed}/2", EMPTY),
        after=run_round(ask, box, world, f"{seed}/2", memory),
        shuffled=run_round(ask, box, world, f"{seed}/2", with_actions_turned(memory)),
    )


def dreamt_over(runs: list[Run], memory: Memory) -> Dreamt:
    digests = [
        digest_of(
            events_of(run),
            session_id=f"sesn_{run.task.key}",
            principal=run.task.principal,
            verdict="completed" if run.completed else "failed",
        )
        for run in runs
    ]
    return dream(digests, memory)


def approved(dreamt: Dreamt, memory: Memory) -> Memory:
    """A reviewer who approves whatever reached review."""
    wanted = [change for change, lane in zip(dreamt.changes, dreamt.lanes(), strict=True) if lane in ("auto", "review")]
    files = apply_changes(memory, wanted)
    return {**files, "/_index.md": render_index(files, max_lines=200)}


def with_actions_turned(memory: Memory) -> Memory:
    """The same conditions, each with the action of the next entry that can be executed."""
    entries = [entry.text for entry in all_entries(memory) if entry.id.startswith("w-")]
    actions = [text.split("→", 1)[1] for text in entries]
    swapped = {
        text: text.split("→", 1)[0] + "→" + action
        for text, action in zip(entries, [*actions[1:], *actions[:1]], strict=True)
    }
    pattern = re.compile("|".join(map(re.escape, swapped)))
    return {path: pattern.sub(lambda found: swapped[found[0]], text) for path, text in memory.items()}


def workarounds(memory: Memory) -> set[str]:
    """What the memory says, without ids, error texts and support."""
    texts = [entry.body for entry in all_entries(memory) if entry.id.startswith("w-")]
    return {text.split("; without it", 1)[0] for text in texts}


def expected(world: World, number: int) -> str:
    text = lesson(world, number).split("] ", 1)[1]
    return text.split("; without it", 1)[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_dream_learns_what_the_sessions_show_and_nothing_else(loops, seed):
    loop = loops[seed]
    shown = {expected(loop.world, number) for number in shown_by(loop.first, loop.world)}
    assert workarounds(loop.memory) == shown


@pytest.mark.parametrize("seed", SEEDS)
def test_each_lesson_of_the_demo_waits_for_a_person(loops, seed):
    assert set(loops[seed].dreamt.lanes()) == {"review"}


def test_the_next_round_completes_more_on_every_seed_and_nearly_all_in_the_mean(loops):
    for loop in loops.values():
        assert rate(loop.after) - rate(loop.without) >= 0.30
    assert rate([run for loop in loops.values() for run in loop.without]) <= 0.45
    assert rate([run for loop in loops.values() for run in loop.after]) >= 0.85


def test_a_dreamed_memory_with_its_actions_shuffled_gives_no_lift(loops):
    for seed, loop in loops.items():
        if len(workarounds(loop.memory)) > 1:
            assert rate(loop.shuffled) <= rate(loop.without), seed


def test_renamed_worlds_bring_the_same_kind_of_claims_and_the_same_lift(loops, renamed_loops):
    for seed, renamed in renamed_loops.items():
        shown = {expected(renamed.world, number) for number in shown_by(renamed.first, renamed.world)}
        assert workarounds(renamed.memory) == shown
        assert not workarounds(renamed.memory) & workarounds(loops[seed].memory)
    assert abs(lift(renamed_loops) - lift(loops)) <= 0.15


def lift(loops: dict[str, Loop]) -> float:
    after = rate([run for loop in loops.values() for run in loop.after])
    return after - rate([run for loop in loops.values() for run in loop.without])


def test_families_that_nothing_taught_about_gain_nothing(loops):
    for loop in loops.values():
        taught = set(shown_by(loop.first, loop.world))
        for plain, after in zip(loop.without, loop.after, strict=True):
            if plain.task.family not in taught:
                assert after.completed == plain.completed


def test_the_silent_family_brings_no_lesson(loops):
    for loop in loops.values():
        silent = next(family for family in loop.world.families if family.quirk is Quirk.SILENT)
        assert not any(f"`{silent.program.name}`" in text for text in workarounds(loop.memory))
        assert len(workarounds(loop.memory)) <= len(learnable(loop.world))


def test_a_quirk_that_changes_does_harm_until_the_next_dream(loops, tmp_path):
    harmed, mended = [], []
    for seed in SEEDS[:4]:
        box = Box(tmp_path / seed)
        world = with_quirks_changed(loops[seed].world)
        after_change = run_round(ask, box, world, f"{seed}/2", loops[seed].memory)
        memory = approved(dreamt_over(after_change, loops[seed].memory), loops[seed].memory)
        harmed += after_change
        mended += run_round(ask, box, world, f"{seed}/2", memory)
    assert rate(harmed) <= rate([run for seed in SEEDS[:4] for run in loops[seed].after]) - 0.10
    assert rate(mended) >= rate(harmed) + 0.05


def with_quirks_changed(world: World) -> World:
    """The world with another cure for a flag family and for the command family."""
    taken = {family.cure for family in world.families}

    def changed(family: Family) -> Family:
        offered = family.program.flags if family.quirk is Quirk.FLAG else family.program.commands[1:]
        return replace(family, cure=next((word,) for word in offered if (word,) not in taken))

    return replace(
        world, families=tuple(changed(f) if number in (0, 3) else f for number, f in enumerate(world.families))
    )
