"""PURE: the permission policy `auto`: calls that only look or stay in the session's folders run, clear harm does not,
and a person is asked about everything else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agents.runtime.harmful import is_harmful
from agents.runtime.harmless import Looker
from agents.runtime.paths import WORKSPACE, is_of_machine, is_secret, is_within
from agents.runtime.shell import read_line

OUTPUTS = "/mnt/session/outputs"
READABLE = (WORKSPACE, "/mnt/session", "/mnt/memory", "/mnt/skills")
COMMAND_CHARS_MAX = 20_000  # a longer one is for a person to read


@dataclass(frozen=True, slots=True)
class Judgement:
    """The wire's `evaluated_permission` of an evaluation by the policy `auto`."""

    type: Literal["allow", "ask", "deny"]
    reason_code: str = ""

    @property
    def shape(self) -> dict[str, str]:
        return {"type": self.type, "reason_code": self.reason_code} if self.reason_code else {"type": self.type}


SAFE = Judgement("allow")
UNCLEAR = Judgement("ask", "indeterminate")
DANGEROUS = Judgement("deny", "high_risk")


def judge(
    tool: str, arguments: Mapping[str, Any], *, writable: Sequence[str] = (), is_web_limited: bool = False
) -> Judgement:
    """`writable`: the session's memory folders that it may write; its workspace and outputs always are.
    `is_web_limited`: the agent names the domains that it may reach."""
    writable = (WORKSPACE, OUTPUTS, *writable)
    match tool:
        case "read" | "glob" | "grep":
            named = arguments.get("file_path" if tool == "read" else "path")
            pattern = str(arguments.get("pattern") or "") if tool == "glob" else ""
            if pattern.startswith(("/", "~")) or ".." in pattern:
                return UNCLEAR
            return _of_file(WORKSPACE if named is None and tool != "read" else named, READABLE)
        case "write" | "edit":
            return _of_file(arguments.get("file_path"), writable, is_write=True)
        case "bash":
            return _of_bash(arguments, writable)
        case "web_fetch" | "web_search":
            return SAFE if is_web_limited else UNCLEAR
    return UNCLEAR


def _of_file(path: object, folders: Sequence[str], *, is_write: bool = False) -> Judgement:
    if not isinstance(path, str):
        return UNCLEAR
    if is_secret(path) or (is_write and is_of_machine(path)):
        return DANGEROUS
    return SAFE if is_within(path, folders) else UNCLEAR


def _of_bash(arguments: Mapping[str, Any], writable: Sequence[str]) -> Judgement:
    command = arguments.get("command")
    if command is None and arguments.get("restart") is True:
        return SAFE  # of its own shell
    if not isinstance(command, str) or len(command) > COMMAND_CHARS_MAX:
        return UNCLEAR
    if is_harmful(command):
        return DANGEROUS
    line = read_line(command)
    looker = Looker(may_read=lambda path: is_within(path, READABLE), may_write=lambda path: is_within(path, writable))
    is_safe = line.is_plain and line.commands and all(looker.is_harmless(command) for command in line.commands)
    return SAFE if is_safe else UNCLEAR
