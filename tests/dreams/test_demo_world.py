"""The generated world: the same from the same seed, never the same names from another, answers come of runs."""

from collections import Counter, defaultdict

import pytest

from agents.practice.command_lines import edits_in_help
from dreams.demo.scripts import program_files
from dreams.demo.world import Quirk, Task, World, build_world, deal_round, program_path
from tests.dreams.quirk_world import Box

SEEDS = ("a", "b", "c", "d", "e")


@pytest.fixture
def world() -> World:
    return build_world("some seed")


@pytest.fixture
def box(tmp_path) -> Box:
    return Box(tmp_path)


def call_of(world: World, task: Task, *, cured: bool) -> str:
    family = world.families[task.family]
    command, options = family.command, family.cure
    if family.quirk is Quirk.COMMAND:
        command, options = (family.cure[0] if cured else command), ()
    parts = [program_path(world, family.program), command, *(options if cured else ())]
    return " ".join([*filter(None, parts), *task.files])


def names_of(world: World) -> set[str]:
    names = set(world.names) | set(world.principals)
    for program in world.programs:
        names |= {program.name, program.label, *program.error.replace(":", "").split(), *program.commands}
        names |= {*program.flags, *(name for name, _values in program.options)}
    return names | {word for family in world.families for word in (family.extension, family.directory)}


def test_the_same_seed_gives_the_same_world_and_the_same_round():
    assert build_world("x") == build_world("x")
    assert deal_round(build_world("x"), "1") == deal_round(build_world("x"), "1")


def test_another_seed_shares_hardly_a_name():
    worlds = [names_of(build_world(seed)) for seed in SEEDS]
    for at, names in enumerate(worlds):
        for others in worlds[at + 1 :]:
            assert len(names & others) <= len(names) * 0.05


def test_a_world_can_be_renamed_without_changing_its_shape():
    plain, renamed = build_world("x"), build_world("x", naming="y")
    assert [family.quirk for family in plain.families] == [family.quirk for family in renamed.families]
    for one, other in zip(plain.families, renamed.families, strict=True):
        assert place_of_cure(one) == place_of_cure(other)
    assert not names_of(plain) & names_of(renamed)


def place_of_cure(family) -> int:
    flags, commands = family.program.flags, family.program.commands
    choices = [*flags, *commands, *(value for _name, values in family.program.options for value in values)]
    return choices.index(family.cure[-1]) if family.cure else -1


def test_a_second_round_has_fresh_files_and_the_same_families(world):
    first, second = deal_round(world, "1"), deal_round(world, "2")
    assert not {path for task in first for path in task.files} & {path for task in second for path in task.files}
    assert Counter(task.family for task in first) == Counter(task.family for task in second)


def test_every_family_with_a_quirk_is_met_by_two_principals_at_least(world):
    principals = defaultdict(set)
    for task in deal_round(world, "1"):
        principals[task.family].add(task.principal)
    assert all(len(principals[number]) >= 2 for number, family in enumerate(world.families) if family.tasks > 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_right_call_prints_the_answer_and_the_plain_one_does_not(seed, box):
    world = build_world(seed)
    box.lay(program_files(world))
    for task in deal_round(world, "1"):
        box.lay(task.files)
        plain, failed = box.run(call_of(world, task, cured=False))
        quirk = world.families[task.family].quirk
        assert box.run(call_of(world, task, cured=True)) == (task.answer, False)
        assert (plain == task.answer) is (quirk is Quirk.NONE)
        assert failed is (quirk not in (Quirk.NONE, Quirk.SILENT))


def test_the_error_is_stable_and_names_no_option_and_no_command(world, box):
    box.lay(program_files(world))
    errors = defaultdict(set)
    for task in deal_round(world, "1"):
        box.lay(task.files)
        errors[task.family].add(box.run(call_of(world, task, cured=False))[0])
    for number, family in enumerate(world.families):
        if family.quirk not in (Quirk.NONE, Quirk.SILENT):
            assert errors[number] == {f"{family.program.name}: {family.program.error}"}
            assert "--" not in family.program.error
            assert not set(family.program.commands) & set(family.program.error.split())


def test_two_families_show_the_same_error_for_different_causes(world):
    first, second = world.families[0], world.families[1]
    assert first.program == second.program
    assert first.cure != second.cure


def test_the_help_text_offers_sixteen_things_to_try(world, box):
    box.lay(program_files(world))
    for family in world.families:
        printed, _failed = box.run(f"{program_path(world, family.program)} --help")
        call = (family.program.name, *filter(None, [family.command]), "file")
        assert len(edits_in_help(printed, call)) == 16


def test_unknown_options_and_missing_files_have_their_own_errors(world, box):
    box.lay(program_files(world))
    program = program_path(world, world.programs[0])
    assert "E_OPTION" in box.run(f"{program} --nothing x")[0]
    assert "E_USAGE" in box.run(program)[0]
    assert "E_FILE" in box.run(f"{program} /no/such/file")[0]
