"""The policy of the demo agent, one request at a time: what it does next is read from the request alone."""

import json
import subprocess
import sys
from pathlib import Path

from agents.practice import model
from agents.practice.agent_role import PROGRAM_CALLS_MAX
from agents.practice.command_lines import Edit, apply, edits_in_help
from agents.practice.entries import entries_in, speaks_of

ROOT = Path(__file__).parents[2]
MOUNT = "/mnt/memory/notes"
SYSTEM = f"Notes:\n- {MOUNT} (read_only): notes — things learnt. Start with {MOUNT}/_index.md if it exists."
TASK = "Report what `/workspace/bin/zorp tarn` says for `/workspace/mave/a-1.kel`."
PLAIN = "/workspace/bin/zorp tarn /workspace/mave/a-1.kel"
CALL = tuple(PLAIN.split())
HELP = """usage: zorp COMMAND [OPTION] FILE

commands:
  tarn     goes by
  velk     goes over

options:
  --mib            first
  --sorn WORD      one of: rel, tam
  --help           show this text
"""


def request(*exchanges, system="", said=TASK, tools=("bash", "read", "grep")):
    messages = [{"role": "user", "content": [{"type": "text", "text": said}]}]
    for number, (name, arguments, output, is_error) in enumerate(exchanges):
        use = {"type": "tool_use", "id": f"t{number}", "name": name, "input": arguments}
        result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": output, "is_error": is_error}
        messages += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    offered = [{"name": name, "input_schema": {"type": "object"}} for name in tools]
    return {"model": "practice", "max_tokens": 1024, "system": system, "tools": offered, "messages": messages}


def reply_to(*exchanges, **options):
    return model.answer(request(*exchanges, **options)).body["content"]


def uses(*exchanges, **options):
    return [(b["name"], b["input"]) for b in reply_to(*exchanges, **options) if b["type"] == "tool_use"]


def failed(command):
    return ("bash", {"command": command}, "zorp: E_X: no", True)


def helped(text=HELP):
    return ("bash", {"command": "/workspace/bin/zorp --help"}, text, False)


def test_without_a_memory_it_makes_the_plain_call():
    assert uses() == [("bash", {"command": PLAIN})]


def test_it_answers_with_what_the_first_successful_call_printed():
    text = reply_to(("bash", {"command": PLAIN}, "note\nlabel 42\n", False))[0]["text"]
    assert text.splitlines()[-1] == "ANSWER: label 42"


def test_an_error_sends_it_to_the_help_text_and_that_to_something_listed_there():
    assert uses(failed(PLAIN)) == [("bash", {"command": "/workspace/bin/zorp --help"})]
    [(name, arguments)] = uses(failed(PLAIN), helped())
    assert name == "bash"
    assert arguments["command"] in tries()


def tries():
    return {" ".join(apply((edit,), CALL)) for edit in edits_in_help(HELP, CALL)}


def test_it_tries_everything_once_and_gives_up_when_nothing_is_left():
    exchanges = [failed(PLAIN), helped()]
    for _try in tries():
        exchanges.append(failed(uses(*exchanges)[0][1]["command"]))
    assert {arguments["command"] for _name, arguments, _text, _bad in exchanges[2:]} == tries()
    assert reply_to(*exchanges)[0]["text"].endswith("GAVE UP")


def test_it_gives_up_at_its_budget_of_program_calls():
    many = HELP + "".join(f"  --more{letter}   x\n" for letter in "abcdefghijkl")
    exchanges = [failed(PLAIN), helped(many)]
    while len(exchanges) < PROGRAM_CALLS_MAX:
        exchanges.append(failed(uses(*exchanges)[0][1]["command"]))
    assert reply_to(*exchanges)[0]["text"].endswith("GAVE UP")


def test_another_text_of_the_task_gives_another_order_of_tries():
    many = HELP + "".join(f"  --more{letter}   x\n" for letter in "abcdefghijkl")
    firsts = set()
    for number in range(8):
        said = TASK.replace("a-1", f"a-{number}")
        plain = PLAIN.replace("a-1", f"a-{number}")
        [(_name, arguments)] = uses(failed(plain), helped(many), said=said)
        firsts.add(arguments["command"].replace(f"a-{number}", ""))
    assert len(firsts) > 3


def read(path, text):
    return ("read", {"file_path": f"{MOUNT}{path}"}, text, False)


def test_a_memory_is_read_first_its_index_then_the_files_that_speak_of_the_task():
    assert uses(system=SYSTEM) == [("read", {"file_path": f"{MOUNT}/_index.md"})]
    index = read("/_index.md", "- `/workarounds/zorp.md`: 2 entries\n- `/workarounds/blik.md`: 1 entry\n")
    assert uses(index, system=SYSTEM) == [("read", {"file_path": f"{MOUNT}/workarounds/zorp.md"})]


def test_a_memory_without_an_index_is_searched_for_the_program():
    missing = ("read", {"file_path": f"{MOUNT}/_index.md"}, "read: no such file or directory", True)
    assert uses(missing, system=SYSTEM) == [("grep", {"pattern": "zorp", "path": MOUNT})]
    hit = f"{MOUNT}/a.md:1:- [w-aaaa] when `zorp` is run on `*.kel` → add `--mib` (2 principals, 2 sessions)"
    found = ("grep", {"pattern": "zorp", "path": MOUNT}, hit, False)
    [text, use] = reply_to(missing, found, system=SYSTEM)
    assert use["input"]["command"] == "/workspace/bin/zorp tarn --mib /workspace/mave/a-1.kel"
    assert "--mib" in text["text"]


def test_two_stores_are_both_read():
    system = SYSTEM + "\n- /mnt/memory/other (read_write): other."
    assert len(uses(system=system)) == 2


def test_only_bash_is_enough_to_read_a_memory():
    assert uses(system=SYSTEM, tools=("bash",)) == [("bash", {"command": f"cat {MOUNT}/_index.md"})]


def test_a_lesson_that_fails_is_followed_by_the_plain_call():
    memory = [
        read("/_index.md", "- `/workarounds/zorp.md`: 1 entry"),
        read("/workarounds/zorp.md", "- [w-aaaa] when `zorp` is run on `*.kel` → add `--mib`"),
    ]
    taught = failed("/workspace/bin/zorp tarn --mib /workspace/mave/a-1.kel")
    assert uses(*memory, taught, system=SYSTEM) == [("bash", {"command": PLAIN})]


def test_at_most_two_lessons_are_tried_the_most_specific_first():
    lines = [
        "- [w-aaaa] when `zorp` is called → add `--a`",
        "- [w-bbbb] when `zorp` is called → add `--b`",
        "- [w-cccc] when `zorp` is run on `*.kel` → replace `tarn` with `velk`",
    ]
    exchanges = [
        read("/_index.md", "- `/workarounds/zorp.md`: 3 entries"),
        read("/workarounds/zorp.md", "\n".join(lines)),
    ]
    commands = []
    for _try in range(3):
        commands.append(uses(*exchanges, system=SYSTEM)[0][1]["command"])
        exchanges.append(failed(commands[-1]))
    assert commands == [PLAIN.replace("tarn", "velk"), PLAIN.replace("tarn", "tarn --a"), PLAIN]


def speaks(condition, action="add `--x`", call=CALL):
    return [speaks_of(entry, call) for entry in entries_in(f"- [w-aaaa] when {condition} → {action}")]


def test_an_entry_speaks_of_a_call_when_all_its_literals_do():
    assert speaks("`zorp` is run on `*.kel`") == [True]
    assert speaks("`/workspace/bin/zorp` is run on `/workspace/mave/*`") == [True]
    assert speaks("`zorp tarn` is called") == [True]
    assert speaks("`zorp` is run on `*.vol`") == [False]
    assert speaks("`blik` is run on `*.kel`") == [False]
    assert speaks("`*.kel` is read") == [False]
    assert speaks("`zorp` is called, but not on `*.kel`") == [False]
    assert speaks("`zorp` is called, but not on `*.vol`") == [True]


def edits(action):
    return [entry.edits for entry in entries_in(f"- [w-aaaa] when `zorp` is called → {action}")]


def test_actions_are_read_as_edits_and_prose_is_not():
    assert edits("add `--x`") == [(Edit(added=("--x",)),)]
    assert edits("add `--x y`; without it: `add `--z``") == [(Edit(added=("--x", "y")),)]
    assert edits("replace `a` with `b`, then drop `c`") == [(Edit(removed=("a",), added=("b",)), Edit(removed=("c",)))]
    assert edits("expect `E_X: no`; check the file first") == []
    assert edits("never add `--x`") == []


def test_an_edit_that_does_not_fit_the_call_is_not_forced_on_it():
    assert apply((Edit(removed=("absent",), added=("b",)),), CALL) is None
    assert apply((Edit(removed=("--old",)),), CALL) is None
    assert apply((Edit(removed=("tarn",)),), CALL) == (CALL[0], CALL[2])


def test_an_option_instead_of_one_that_is_not_there_is_added():
    instead = Edit(removed=("--old",), added=("--new",))
    assert apply((instead,), CALL) == (CALL[0], "tarn", "--new", CALL[2])


def test_help_texts_are_read_by_their_shape():
    found = edits_in_help(HELP, CALL)
    assert Edit(added=("--mib",)) in found
    assert Edit(added=("--sorn", "tam")) in found
    assert Edit(removed=("tarn",), added=("velk",)) in found
    assert len(found) == 4


def test_without_a_shell_the_task_is_only_talked_about():
    assert "practice model" in reply_to(tools=())[0]["text"]


def test_the_practice_model_loads_nothing_of_the_rest_of_the_project():
    program = "import json, sys, agents.practice.server; print(json.dumps(sorted(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    ours = [name for name in json.loads(printed.stdout) if name.split(".")[0] in OURS]
    assert [name for name in ours if name != "agents" and not name.startswith("agents.practice")] == []


OURS = ("agents", "memory", "outcomes", "dreams", "config", "django", "anthropic")
