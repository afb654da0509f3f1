"""Drives the practice model through tasks of a generated world, its programs run for real in a folder of their own."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreams.demo.scripts import program_files
from dreams.demo.world import ROOT, Quirk, Task, World, deal_round

MOUNT = "/mnt/memory/demo"
TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in ("bash", "read", "grep")]
TURNS_MAX = 20
LEARNABLE = (Quirk.FLAG, Quirk.VALUE, Quirk.COMMAND)

Ask = Callable[[dict[str, Any]], dict[str, Any]]
Memory = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One task as it went: whether its answer was right, the program calls, every request, the last words."""

    task: Task
    completed: bool
    calls: tuple[tuple[str, bool], ...]
    requests: tuple[dict[str, Any], ...]
    words: str


class Box:
    """A folder that stands for /workspace. A command runs once: programs of the world print the same every time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed: dict[str, tuple[str, bool]] = {}

    def lay(self, files: dict[str, str]) -> None:
        for path, content in files.items():
            real = Path(self.real(path))
            real.parent.mkdir(parents=True, exist_ok=True)
            real.write_text(content)
            real.chmod(0o755)

    def run(self, command: str) -> tuple[str, bool]:
        if command not in self.printed:
            arguments = ["bash", "-c", self.real(command)]
            done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
            output = (done.stdout + done.stderr).replace(str(self.folder), ROOT).rstrip("\n")
            self.printed[command] = (output or "(no output)", done.returncode != 0)
        return self.printed[command]

    def real(self, text: str) -> str:
        return text.replace(ROOT, str(self.folder))


def run_round(ask: Ask, box: Box, world: World, seed: str, memory: Memory | None = None) -> list[Run]:
    box.lay(program_files(world))
    return [run_task(ask, box, task, memory) for task in deal_round(world, seed)]


def run_task(ask: Ask, box: Box, task: Task, memory: Memory | None = None, *, blind: bool = False) -> Run:
    box.lay(task.files)
    requests: list[dict[str, Any]] = []
    calls: list[tuple[str, bool]] = []
    messages: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": task.text}]}]
    for _turn in range(TURNS_MAX):
        requests.append(request_of(messages, memory))
        reply = ask(requests[-1])
        uses = [block for block in reply["content"] if block["type"] == "tool_use"]
        if not uses:
            text = reply["content"][-1]["text"]
            return Run(
                task=task,
                completed=f"ANSWER: {task.answer}" in text.splitlines(),
                calls=tuple(calls),
                requests=tuple(requests),
                words=text,
            )
        results = [perform(use, box, memory or {}) for use in uses]
        calls += [(use["input"]["command"], bad) for use, (_text, bad) in zip(uses, results, strict=True) if ran(use)]
        messages = [*messages, {"role": "assistant", "content": reply["content"]}, answered(uses, results, blind)]
    raise AssertionError("the task never ended")


def request_of(messages: list[dict[str, Any]], memory: Memory | None) -> dict[str, Any]:
    system = "You run command-line programs and report what they print."
    if memory is not None:
        system += f"\n- {MOUNT} (read_only): demo — notes. Start with {MOUNT}/_index.md if it exists."
    return {"model": "practice", "max_tokens": 1024, "system": system, "tools": TOOLS, "messages": messages}


def answered(uses: list[dict[str, Any]], results: list[tuple[str, bool]], blind: bool) -> dict[str, Any]:
    content = [
        {"type": "tool_result", "tool_use_id": use["id"], "content": "" if blind else text, "is_error": is_error}
        for use, (text, is_error) in zip(uses, results, strict=True)
    ]
    return {"role": "user", "content": content}


def ran(use: dict[str, Any]) -> bool:
    return use["name"] == "bash"


def perform(use: dict[str, Any], box: Box, memory: Memory) -> tuple[str, bool]:
    """What the built-in tools answer: bash for real, read and grep on the memory's files."""
    arguments = use["input"]
    if use["name"] == "bash":
        return box.run(arguments["command"])
    if use["name"] == "read":
        path = arguments["file_path"].removeprefix(MOUNT)
        missing = f"read: {arguments['file_path']}: no such file or directory"
        return (memory[path], False) if path in memory else (missing, True)
    hits = [
        f"{MOUNT}{path}:{number}:{line}"
        for path, text in sorted(memory.items())
        for number, line in enumerate(text.splitlines(), 1)
        if arguments["pattern"] in line
    ]
    return "\n".join(hits) or "no matches", False


# Memories, in the grammar of entries; only tests know the cures


def lesson(world: World, number: int, cure_of: int | None = None) -> str:
    """The entry of one family, or its condition with the cure of another."""
    family, source = world.families[number], world.families[number if cure_of is None else cure_of]
    cure = " ".join(source.cure)
    if source.quirk is Quirk.COMMAND:
        action = f"replace `{source.command}` with `{cure}`"
    else:
        action = f"add `{cure}`"
    when = f"when `{family.program.name}` is run on `*.{family.extension}`"
    return f"- [w-{number:04d}] {when} → {action}; without it: `{family.program.error}` (2 principals, 3 sessions)"


def memory_of(world: World, lessons: list[tuple[int, str]]) -> Memory:
    files: Memory = {}
    for number, text in lessons:
        path = f"/workarounds/{world.families[number].program.name}.md"
        files[path] = files.get(path, "") + text + "\n"
    index = "".join(f"- `{path}`: {text.count(chr(10))} entries\n" for path, text in sorted(files.items()))
    return {"/_index.md": index, **files}


def learnable(world: World) -> list[int]:
    return [number for number, family in enumerate(world.families) if family.quirk in LEARNABLE]


def right_memory(world: World, numbers: list[int] | None = None) -> Memory:
    known = learnable(world) if numbers is None else numbers
    return memory_of(world, [(number, lesson(world, number)) for number in known])


def shuffled_memory(world: World) -> Memory:
    numbers = learnable(world)
    turned = [*numbers[1:], numbers[0]]
    return memory_of(world, [(at, lesson(world, at, cure)) for at, cure in zip(numbers, turned, strict=True)])


def shown_by(runs: list[Run], world: World) -> list[int]:
    """The families whose cure some session of the runs found out: all that a dream over them could learn."""
    found = {run.task.family for run in runs if run.completed and any(failed for _call, failed in run.calls)}
    return sorted(found & set(learnable(world)))


def events_of(run: Run) -> list[dict[str, Any]]:
    """The run as the wire events that a session's log would hold."""
    events: list[dict[str, Any]] = []
    uses: dict[str, str] = {}

    def add(kind: str, **members: Any) -> str:
        number = f"sevt_{run.task.key}_{len(events) + 1}"
        events.append({"id": number, "type": kind, "processed_at": "2026-11-02T09:00:00Z", **members})
        return number

    for message in run.requests[-1]["messages"]:
        for block in message["content"]:
            if block["type"] == "tool_use":
                uses[block["id"]] = add("agent.tool_use", name=block["name"], input=block["input"])
            elif block["type"] == "tool_result":
                content = [{"type": "text", "text": block["content"]}]
                use = uses[block["tool_use_id"]]
                add("agent.tool_result", tool_use_id=use, content=content, is_error=block["is_error"])
            else:
                add("user.message" if message["role"] == "user" else "agent.message", content=[block])
    add("agent.message", content=[{"type": "text", "text": run.words}])
    return events


def rate(runs: list[Run]) -> float:
    return sum(run.completed for run in runs) / len(runs)
