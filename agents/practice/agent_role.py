"""PURE: plays the agent of a generated command-line task from the prompt alone: memory first, then trial and error.

Its policy, fixed before anything is learnt: read the memory and try what matching entries say, at most two; else make
the plain call; on an error ask the program for its help and try what that lists, in an order drawn from the task's own
text; answer with what the first successful call printed, give up after eight calls of the program.
"""

import hashlib
import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from .command_lines import Edit, apply, default_call, edits_in_help, program_of, split
from .conversation import Block, Call, Conversation
from .entries import Entry, entries_in, indexed_files, speaks_of

PROGRAM_CALLS_MAX = 8  # the plain call, its help, and six of the sixteen things a help text offers
LESSONS_TRIED_MAX = 2
MEMORY_FILES_MAX = 4

TASK = re.compile(r"what `(?P<command>[^`]+)` says (?:for|about|of) `(?P<target>[^`]+)`")
MOUNT = re.compile(r"/mnt/memory/[a-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The command and the file that the request's last words name."""

    call: tuple[str, ...]
    text: str

    @property
    def words(self) -> frozenset[str]:
        return frozenset({program_of(self.call[0]), PurePosixPath(self.call[-1]).suffix.lstrip(".")}) - {""}


def find_task(conversation: Conversation) -> Task | None:
    found = TASK.search(conversation.said)
    if not found or "bash" not in conversation.tools or not split(found["command"]):
        return None
    return Task(call=default_call(found["command"], found["target"]), text=conversation.said)


def act(conversation: Conversation, task: Task) -> list[Block]:
    """The next reply: tool calls while there is something left to look at or to try, else the answer."""
    lookups = memory_lookups(conversation, task)
    if lookups:
        return lookups
    tried = [call for call in conversation.calls if _runs(call, task)]
    if tried and not tried[-1].is_error and not _is_help(tried[-1]):
        return [_text(f"`{tried[-1].input['command']}` worked.\nANSWER: {_last_line(tried[-1].output)}")]
    return next_try(conversation, task, tried)


# Memory


def memory_lookups(conversation: Conversation, task: Task) -> list[Block]:
    """Reads of the memory still to make: each store's index, then the files it lists for this task; a store without an
    index is searched."""
    seen = {_key(call.name, call.input): call for call in conversation.calls}
    blocks: list[Block] = []
    for mount in dict.fromkeys(MOUNT.findall(conversation.system)):
        index_read = _read(f"{mount}/_index.md", conversation.tools)
        index = seen.get(_key(index_read["name"], index_read["input"]))
        if index is None:
            blocks.append(index_read)
            continue
        if index.is_error:
            wanted = [_search(mount, task, conversation.tools)]
        else:
            files = indexed_files(index.output, task.words)[:MEMORY_FILES_MAX]
            wanted = [_read(f"{mount}{path}", conversation.tools) for path in files]
        blocks += [block for block in wanted if _key(block["name"], block["input"]) not in seen]
    return blocks


def lessons(conversation: Conversation, task: Task) -> list[Entry]:
    """The memory entries that speak of this task's call, the most specific first."""
    memory = [call.output for call in conversation.calls if not _runs(call, task) and not call.is_error]
    found = [entry for text in memory for entry in entries_in(text) if speaks_of(entry, task.call)]
    return sorted(dict.fromkeys(found), key=lambda entry: -len(entry.literals))[:LESSONS_TRIED_MAX]


def _read(path: str, tools: frozenset[str]) -> Block:
    if "read" in tools:
        return _use("read", {"file_path": path})
    return _use("bash", {"command": shlex.join(["cat", path])})


def _search(mount: str, task: Task, tools: frozenset[str]) -> Block:
    program = program_of(task.call[0])
    if "grep" in tools:
        return _use("grep", {"pattern": re.escape(program), "path": mount})
    return _use("bash", {"command": shlex.join(["grep", "-rF", program, mount])})


# Trial and error


def next_try(conversation: Conversation, task: Task, tried: list[Call]) -> list[Block]:
    done = {call.input["command"] for call in tried}
    if len(tried) < PROGRAM_CALLS_MAX:
        for entry in lessons(conversation, task):
            call = apply(entry.edits, task.call)
            if call and shlex.join(call) not in done:
                return [_text(f"The memory says: {entry.text}"), _run(call)]
        for call in (task.call, _help_call(task), *candidates(task, tried)):
            if shlex.join(call) not in done:
                return [_run(call)]
    return [_text(f"None of {len(tried)} calls of `{program_of(task.call[0])}` worked.\nGAVE UP")]


def candidates(task: Task, tried: list[Call]) -> list[tuple[str, ...]]:
    """What the program's help offers for this call, in an order of the task's own, the same on every request."""
    printed = "\n".join(call.output for call in tried if _is_help(call))
    edits = sorted(edits_in_help(printed, task.call), key=lambda edit: _draw(task.text, edit))
    return [call for edit in edits if (call := apply((edit,), task.call))]


def _draw(text: str, edit: Edit) -> str:
    return hashlib.sha256("\0".join((text, *edit.removed, "→", *edit.added)).encode()).hexdigest()


def _help_call(task: Task) -> tuple[str, ...]:
    return (task.call[0], "--help")


def _is_help(call: Call) -> bool:
    return split(call.input["command"])[1:] == ["--help"]


def _runs(call: Call, task: Task) -> bool:
    command = call.input.get("command")
    return call.name == "bash" and isinstance(command, str) and split(command)[:1] == [task.call[0]]


def _run(call: tuple[str, ...]) -> Block:
    return _use("bash", {"command": shlex.join(call)})


# Blocks


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _use(name: str, arguments: dict[str, str]) -> Block:
    return {"type": "tool_use", "name": name, "input": arguments}


def _key(name: str, arguments: dict[str, str]) -> tuple[str, ...]:
    return (name, *(f"{key}={value}" for key, value in sorted(arguments.items())))


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else ""
