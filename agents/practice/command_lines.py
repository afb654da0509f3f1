"""PURE: command lines as tokens, single edits to them, and the edits that a program's own help text makes possible."""

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

HEADING = re.compile(r"^(\S[^:]*):\s*$")
OPTION = re.compile(r"^\s+(--?[A-Za-z][\w-]*)(?:[ =]([A-Z][A-Z_]*|<[^>]+>))?(.*)$")
COMMAND = re.compile(r"^\s+([A-Za-z][\w-]*)(?:\s|$)")
CHOICES = re.compile(r"one of:?\s*([\w-]+(?:\s*,\s*[\w-]+)*)")
NEVER_A_FIX = frozenset({"--help", "-h", "--version", "-V"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Tokens taken out of a call and tokens put in; nothing taken out means: put in before the target."""

    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


def split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def program_of(command: str) -> str:
    tokens = split(command)
    return PurePosixPath(tokens[0]).name if tokens else ""


def default_call(command: str, target: str) -> tuple[str, ...]:
    return (*split(command), target)


def apply(edits: tuple[Edit, ...], call: tuple[str, ...]) -> tuple[str, ...] | None:
    """The call with all edits made, or None where one of them does not fit this call."""
    for edit in edits:
        changed = _apply_one(edit, call)
        if changed is None:
            return None
        call = changed
    return call


def _apply_one(edit: Edit, call: tuple[str, ...]) -> tuple[str, ...] | None:
    if not edit.removed:
        return _with(edit.added, call)
    width = len(edit.removed)
    for at in range(1, len(call) - width + 1):
        if call[at : at + width] == edit.removed:
            return (*call[:at], *edit.added, *call[at + width :])
    # "this option instead of that one" says enough also where that one is not there
    is_option = edit.removed[0].startswith("-") and bool(edit.added)
    return _with(edit.added, call) if is_option else None


def _with(added: tuple[str, ...], call: tuple[str, ...]) -> tuple[str, ...]:
    return (*call[:-1], *added, call[-1])


def edits_in_help(help_text: str, call: tuple[str, ...]) -> list[Edit]:
    """Every single option, option with a listed value, and exchange of the command that a help text offers."""
    options: list[Edit] = []
    commands: list[str] = []
    heading = ""
    for line in help_text.splitlines():
        if found := HEADING.match(line):
            heading = found[1].lower()
        elif found := OPTION.match(line):
            options += _option_edits(*found.groups())
        elif "command" in heading and (found := COMMAND.match(line)):
            commands.append(found[1])
    used = next((token for token in call[1:-1] if token in commands), None)
    others = [Edit(removed=(used,), added=(name,)) for name in commands if used and name != used]
    return list(dict.fromkeys(options + others))


def _option_edits(name: str, placeholder: str | None, rest: str) -> list[Edit]:
    if name in NEVER_A_FIX:
        return []
    if not placeholder:
        return [Edit(added=(name,))]
    choices = CHOICES.search(rest)
    values = re.split(r"\s*,\s*", choices[1]) if choices else []
    return [Edit(added=(name, value)) for value in values]
