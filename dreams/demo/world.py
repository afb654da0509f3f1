"""PURE: a seed becomes a world of small programs with quirks, and rounds of tasks on fresh data with known answers.

A family is one program on one file type. Most families have a quirk: the plain call fails with an error that says
nothing of the cure, and exactly one of the sixteen things in the program's help cures it. Two families share their
program and its error text but not the cure; one has no quirk; one is silent: its plain call prints a wrong number
without an error, which only the checker sees and nobody can learn from a transcript.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from dreams.demo.words import Words

ROOT = "/workspace"
CHOICES_IN_HELP = 16
PRINCIPALS = 3
ROWS = (10, 24)
VALUES = (1, 999)


class Quirk(StrEnum):
    NONE = "none"
    FLAG = "flag"  # an option of the help text must be added
    VALUE = "value"  # an option with one of its values must be added
    COMMAND = "command"  # the named command must be replaced by another
    SILENT = "silent"  # without an option rows are left out, and no error says so


# program number, quirk, tasks in a round: what every seed has in common
PLAN: tuple[tuple[int, Quirk, int], ...] = (
    (0, Quirk.FLAG, 5),
    (0, Quirk.FLAG, 5),
    (1, Quirk.VALUE, 5),
    (2, Quirk.COMMAND, 5),
    (3, Quirk.NONE, 3),
    (4, Quirk.SILENT, 1),
)
PROGRAMS = 5

Aggregate = Callable[[list[int]], int]
AGGREGATES: dict[str, Aggregate] = {
    "sum": sum,
    "max": max,
    "min": min,
    "spread": lambda values: max(values) - min(values),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    name: str
    aggregate: str
    label: str
    error: str
    commands: tuple[str, ...]
    flags: tuple[str, ...]
    options: tuple[tuple[str, tuple[str, ...]], ...]
    help_words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One program on one file type; `cure` is what the quirk asks for: an option, an option with value, a command."""

    program: Program
    extension: str
    directory: str
    command: str
    quirk: Quirk
    cure: tuple[str, ...]
    tasks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    root: str
    programs: tuple[Program, ...]
    families: tuple[Family, ...]
    principals: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What one session is asked: its text, on whose behalf, its files, and the answer that only a run gives."""

    key: str
    text: str
    principal: str
    family: int
    files: dict[str, str]
    answer: str


def build_world(seed: str, *, naming: str = "", root: str = ROOT, choices: int = CHOICES_IN_HELP) -> World:
    """The world of a seed; another `naming` gives the same world under other names."""
    words = Words(naming or seed)
    dice = random.Random(f"{seed}/shape")  # noqa: S311 - a world, not a secret
    programs = tuple(_program(words, dice, number, choices) for number in range(PROGRAMS))
    families: list[Family] = []
    for number, quirk, tasks in PLAN:
        taken = {family.cure for family in families}
        families.append(_family(words, dice, programs[number], quirk, tasks, taken))
    return World(
        root=root,
        programs=programs,
        families=tuple(families),
        principals=tuple(name.capitalize() for name in words.words(PRINCIPALS)),
        names=words.words(12),
    )


def _program(words: Words, dice: random.Random, number: int, choices: int) -> Program:
    """A program whose help offers `choices` things to try: options, options with values, other commands."""
    needed = {quirk for program, quirk, _tasks in PLAN if program == number}
    others = dice.randint(2, 4) if Quirk.COMMAND in needed else 0
    valued = 2 if Quirk.VALUE in needed else dice.randint(0, 1)
    values = 3
    return Program(
        name=words.word(),
        # a row left out shows in a sum always, in a maximum rarely
        aggregate="sum" if Quirk.SILENT in needed else dice.choice(sorted(AGGREGATES)),
        label=words.word(),
        error=f"E_{words.word().upper()}: {words.word()} {words.word()}",
        commands=words.words(others + 1 if others else 0),
        flags=tuple(f"--{word}" for word in words.words(choices - others - valued * values)),
        options=tuple((f"--{words.word()}", words.words(values, 1)) for _ in range(valued)),
        help_words=words.words(8),
    )


def _family(
    words: Words, dice: random.Random, program: Program, quirk: Quirk, tasks: int, taken: set[tuple[str, ...]]
) -> Family:
    command = program.commands[0] if program.commands else ""
    cures: dict[Quirk, list[tuple[str, ...]]] = {
        Quirk.NONE: [()],
        Quirk.FLAG: [(flag,) for flag in program.flags],
        Quirk.SILENT: [(flag,) for flag in program.flags],
        Quirk.VALUE: [(name, value) for name, values in program.options for value in values],
        Quirk.COMMAND: [(name,) for name in program.commands[1:]],
    }
    return Family(
        program=program,
        extension=words.word(1) + words.word(1)[0],
        directory=words.word(),
        command=command,
        quirk=quirk,
        cure=dice.choice([cure for cure in cures[quirk] if not cure or cure not in taken]),
        tasks=tasks,
    )


def deal_round(world: World, seed: str) -> tuple[Task, ...]:
    """The tasks of one round: fresh files and answers, every family on behalf of every principal in turn."""
    dice = random.Random(f"{seed}/round")  # noqa: S311 - data, not secrets
    places = [(number, turn) for number, family in enumerate(world.families) for turn in range(family.tasks)]
    dice.shuffle(places)
    serials = dice.sample(range(1000, 10_000), k=len(places))
    return tuple(
        _task(world, dice, number, world.principals[(number + turn) % len(world.principals)], serial)
        for (number, turn), serial in zip(places, serials, strict=True)
    )


def _task(world: World, dice: random.Random, number: int, principal: str, serial: int) -> Task:
    family = world.families[number]
    rows = [(dice.choice(world.names), dice.randint(*VALUES)) for _ in range(dice.randint(*ROWS))]
    marked = set(dice.sample(range(len(rows)), k=3)) if family.quirk is Quirk.SILENT else set()
    content = "".join(f"{'+' * (at in marked)}{name};{value}\n" for at, (name, value) in enumerate(rows))
    name = f"{dice.choice(world.names)}-{serial}"
    path = f"{world.root}/{family.directory}/{name}.{family.extension}"
    call = " ".join(filter(None, (program_path(world, family.program), family.command)))
    result = AGGREGATES[family.program.aggregate]([value for _name, value in rows])
    return Task(
        key=name,
        text=f"Report what `{call}` says for `{path}`.",
        principal=principal,
        family=number,
        files={path: content},
        answer=f"{family.program.label} {result}",
    )


def program_path(world: World, program: Program) -> str:
    return f"{world.root}/bin/{program.name}"
