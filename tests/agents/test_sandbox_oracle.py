"""The tools in a box answer what the SDK's own local tools answer, character for character."""

import pytest

from agents.sandbox.base import Mount
from tests.agents.sandboxes import Oracle, running_host

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
NOTES = Mount("/mnt/memory/notes", "read_only")


def bash(command, **more):
    return ("bash", {"command": command, **more})


def read(path, *view_range):
    return ("read", {"file_path": path, **({"view_range": list(view_range)} if view_range else {})})


def write(path, content):
    return ("write", {"file_path": path, "content": content})


def edit(path, old, new, **more):
    return ("edit", {"file_path": path, "old_string": old, "new_string": new, **more})


SCENARIOS = {
    "shell state": [
        bash("mkdir -p a && cd a && x=5 && export y=6"),
        bash("pwd; echo $x; env | grep ^y"),
        bash("f() { echo in f $1; }; f one"),
        bash("f two; shopt -s extglob; set -- 1 2; echo $#"),
        bash("echo $#; cd -"),
    ],
    "shell errors": [
        bash("false"),
        bash("echo out; echo err >&2; exit_code() { return 3; }; exit_code"),
        bash("no_such_command"),
        bash("ls /does/not/exist"),
        bash("fi"),
        bash("echo still here"),
        bash("echo 'two\nlines'\necho three"),
        bash("(exit 7)"),
    ],
    "shell input is empty": [bash('cat; read x; echo "[$x]"')],
    "shell output": [
        bash("true"),
        bash("printf 'no newline'"),
        bash("printf '\\n\\n  kept in front\\n\\n\\n'"),
        bash("printf '\\033[31mred\\033[0m \\033[1;4mbold\\033[m \\033[2K'"),
        bash("printf '\\xff\\xfe bad utf8 \\xc3\\xa9'"),
        bash("printf 'a\\0b' | od -c | head -1"),
        bash("echo -e 'tab\\there'"),
    ],
    "shell truncation": [
        bash("head -c 102300 /dev/zero | tr '\\0' x"),
        bash("head -c 300000 /dev/zero | tr '\\0' y; echo end"),
        bash("seq 1 100000"),
        bash("seq 1 100000; false"),
        bash("for i in $(seq 1 30000); do printf 'é'; done; for i in $(seq 1 30000); do printf '日'; done"),
    ],
    "shell exits": [
        bash("echo bye; exit 3"),
        bash("echo gone"),
        ("bash", {"restart": True}),
        bash("echo back; pwd"),
        bash("exit"),
        bash("echo gone again"),
    ],
    "shell times out": [
        bash("echo before; sleep 30", timeout_ms=300),
        bash("echo after"),
        ("bash", {"restart": True, "command": "echo ignored"}),
        bash("echo fine"),
    ],
    "shell waits for more": [bash("echo 'unclosed", timeout_ms=400), bash("echo x")],
    "shell traced": [bash("set -u; echo $undefined_thing"), bash("echo x")],
    "shell arguments": [
        ("bash", {}),
        ("bash", {"command": ""}),
        ("bash", {"command": None, "restart": None, "timeout_ms": None}),
        ("bash", {"restart": False}),
        ("bash", {"command": "echo x", "timeout_ms": 0}),
        ("bash", {"command": "echo x", "timeout_ms": "5000"}),
        ("bash", {"command": "echo x", "timeout_ms": 5000.0}),
        ("bash", {"command": "echo x", "timeout_ms": 0.5}),
        ("bash", {"command": "echo x", "timeout_ms": "soon"}),
        ("bash", {"command": 5}),
        ("bash", {"command": ["ls"]}),
        ("bash", {"restart": "yes"}),
        ("bash", {"restart": 2}),
        ("bash", {"restart": "maybe"}),
        ("bash", {"command": "echo x", "extra": 1}),
    ],
    "read": [
        write("r.txt", "one\ntwo\nthree\n"),
        read("r.txt"),
        read("/workspace/r.txt"),
        read("./x/../r.txt"),
        read("r.txt", 2, 3),
        read("r.txt", 1, 1),
        read("r.txt", 2, 0),
        read("r.txt", 2, -1),
        read("r.txt", 3, 99),
        read("r.txt", 50, 60),
        read("r.txt", 3, 2),
        read("r.txt", -5, 2),
        read("r.txt", 0, 0),
        read("r.txt", 1),
        read("r.txt", 1, 2, 3),
        ("read", {"file_path": "r.txt", "view_range": None}),
        ("read", {"file_path": "r.txt", "view_range": []}),
        ("read", {"file_path": "r.txt", "view_range": ["1", "2"]}),
        ("read", {"file_path": "r.txt", "view_range": "1-2"}),
        ("read", {"file_path": "r.txt", "view_range": [1.5, 2]}),
        ("read", {"file_path": None}),
        ("read", {}),
        ("read", {"file_path": "r.txt", "limit": 5}),
    ],
    "read what is no text": [
        read("missing.txt"),
        read("."),
        read(""),
        read("/"),
        read("/etc/passwd"),
        read("../x"),
        read("/mnt/session/outputs/none"),
        read("nul\x00byte"),
        read("a" * 300),
        bash("mkfifo pipe; printf '\\xff\\xfe' > bad.txt; : > empty.txt; chmod 644 bad.txt"),
        read("pipe"),
        read("bad.txt"),
        read("bad.txt", 1, 2),
        read("empty.txt"),
        read("empty.txt", 1, 5),
        read("bad.txt/below"),
        read("empty.txt/../bad.txt"),
    ],
    "read large": [
        bash("seq 1 60000 > large.txt; head -c 262144 /dev/zero | tr '\\0' a > exact.txt; cp exact.txt over.txt"),
        bash(
            "echo >> over.txt; head -c 600000 /dev/zero | tr '\\0' b > line.txt; (echo; cat line.txt; echo) > two.txt"
        ),
        read("large.txt"),
        read("large.txt", 1, 3),
        read("large.txt", 59999, -1),
        read("large.txt", 59999, 60005),
        read("large.txt", 2, 1),
        read("large.txt", 1, 50000),
        read("large.txt", 10, 0),
        read("over.txt"),
        read("over.txt", 1, 1),
        read("over.txt", 1, 2),
        read("over.txt", 2, 2),
        read("line.txt", 1, 1),
        read("two.txt", 1, 1),
        read("two.txt", 2, 2),
        read("two.txt", 1, 2),
        read("two.txt", 3, 3),
        bash("printf '\\xff' >> large.txt"),
        read("large.txt", 60000, 0),
    ],
    "read pictures": [
        bash(f"echo {PNG} | base64 -d > p.png; cp p.png P.JPG; cp p.png p.gif; cp p.png .webp; echo hi > d.pdf"),
        read("p.png"),
        read("P.JPG"),
        read("p.gif"),
        read("d.pdf"),
        read("p.png", 1, 2),
        read(".webp"),
        bash("head -c 4000000 /dev/zero > big.png; head -c 20971521 /dev/zero > big.pdf; mkdir dir.png"),
        read("big.png"),
        read("big.pdf"),
        read("dir.png"),
    ],
    "write": [
        write("w.txt", "héllo\r\nwörld"),
        read("w.txt"),
        bash("od -c w.txt | head -3"),
        write("deep/er/w.txt", ""),
        read("deep/er/w.txt"),
        write("deep", "x"),
        write("w.txt/below", "x"),
        write("/workspace", "x"),
        write("", "x"),
        write("/etc/hosts", "x"),
        write("../escape", "x"),
        write("/mnt/session/uploads/x", "x"),
        write("/mnt/memory/notes/x", "x"),
        write("/mnt/session/outputs/report/r.txt", "done"),
        read("/mnt/session/outputs/report/r.txt"),
        write("half\ud800", "x"),
        ("write", {"file_path": "w.txt"}),
        ("write", {"file_path": "w.txt", "content": 5}),
        write("a" * 300, "x"),
    ],
    "edit": [
        write("e.txt", "one two two\r\nthree\n"),
        edit("e.txt", "one", "1"),
        edit("e.txt", "two", "2"),
        edit("e.txt", "two", "2", replace_all=True),
        edit("e.txt", "absent", "x"),
        edit("e.txt", "absent", "x", replace_all=True),
        edit("e.txt", "", "x"),
        edit("e.txt", "", "-", replace_all=True),
        edit("e.txt", "-", "", replace_all="true"),
        read("e.txt"),
        edit("missing.txt", "a", "b"),
        edit(".", "a", "b"),
        edit("/mnt/session/uploads/none", "a", "b"),
        bash("printf '\\xff' > bin; mkfifo p; head -c 262145 /dev/zero > big; printf 'one' > o"),
        edit("bin", "a", "b"),
        edit("p", "a", "b"),
        edit("big", "a", "b"),
        edit("o", "", "x"),
        ("edit", {"file_path": "e.txt", "old_string": "a"}),
        ("edit", {"file_path": "e.txt", "old_string": "a", "new_string": None}),
        edit("e.txt", "a", "b", replace_all=None),
    ],
    "links": [
        bash("ln -s /etc out; ln -s /etc/hostname name; ln -s ../../../etc up; ln -s loop loop; ln -s none dangling"),
        bash("ln -s /workspace/real there; mkdir real; echo inside > real/f; ln -s /nowhere/else far"),
        read("out/passwd"),
        read("name"),
        read("up/passwd"),
        read("loop"),
        read("dangling"),
        read("there/f"),
        read("far"),
        write("out/new", "x"),
        write("name", "x"),
        write("far", "x"),
        write("dangling", "made"),
        read("none"),
        write("there/g", "made"),
        edit("name", "a", "b"),
        edit("loop", "a", "b"),
        ("glob", {"pattern": "out/*"}),
        ("glob", {"pattern": "*", "path": "out"}),
        ("grep", {"pattern": "root", "path": "out"}),
        ("grep", {"pattern": "root", "path": "name"}),
        ("grep", {"pattern": "root"}),
    ],
    "glob": [
        bash(
            "mkdir -p g/h; touch -d 2020-01-01 g/old.py; touch -d 2022-01-01 g/mid.py; touch -d 2024-01-01 g/h/new.py"
        ),
        ("glob", {"pattern": "**/*.py"}),
        ("glob", {"pattern": "*.py", "path": "g"}),
        ("glob", {"pattern": "*.py", "path": "/workspace/g/h"}),
        ("glob", {"pattern": "*.txt"}),
        ("glob", {"pattern": "/etc/*"}),
        ("glob", {"pattern": "../*"}),
        ("glob", {"pattern": "g/../*"}),
        ("glob", {"pattern": ""}),
        ("glob", {"pattern": "*", "path": "/etc"}),
        ("glob", {"pattern": "*", "path": "missing"}),
        ("glob", {"pattern": "*", "path": "g/old.py"}),
        ("glob", {"pattern": "*.py", "path": ""}),
        ("glob", {"pattern": "g/[om]*.py"}),
        ("glob", {"pattern": "**x"}),
        ("glob", {}),
        bash("mkdir many; for i in $(seq 1 250); do touch -d @$((1000000000 + i)) many/$i; done"),
        ("glob", {"pattern": "many/*"}),
    ],
    "grep": [
        bash("mkdir -p s; printf 'alpha\\nbeta\\nalphabet\\r\\n' > s/a.txt; printf 'nul\\0alpha\\n' > s/b.bin"),
        ("grep", {"pattern": "alpha"}),
        ("grep", {"pattern": "^beta$", "path": "s"}),
        ("grep", {"pattern": "alphabet$", "path": "s/a.txt"}),
        ("grep", {"pattern": "nothing here"}),
        ("grep", {"pattern": "(unclosed"}),
        ("grep", {"pattern": "x", "path": "missing"}),
        ("grep", {"pattern": "x", "path": "/etc"}),
        ("grep", {"pattern": "", "path": "s/a.txt"}),
        ("grep", {}),
        bash("mkdir -p s/.git s/node_modules; echo alpha > s/.git/x; echo alpha > s/node_modules/x; mkfifo s/p"),
        bash("(head -c 2001 /dev/zero | tr '\\0' a; echo) > s/long; printf '\\xff alpha\\n' > s/latin"),
        ("grep", {"pattern": "nul", "path": "s"}),
        ("grep", {"pattern": "aaa", "path": "s"}),
        ("grep", {"pattern": "alpha", "path": "s/latin"}),
        ("grep", {"pattern": "alpha", "path": "s/p"}),
        bash("seq 1 60000 > s/seq"),
        ("grep", {"pattern": "[0-9]", "path": "s/seq"}),
    ],
}


@pytest.fixture(scope="module")
def host():
    with running_host() as running:
        yield running


@pytest.fixture
def oracle(tmp_path):
    compared = Oracle(tmp_path)
    yield compared
    compared.close()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_box_answers_what_the_sdk_answers(host, oracle, scenario):
    session = scenario.replace(" ", "_")
    for name, values in SCENARIOS[scenario]:
        ours = host.client.run_tool(session, name, values, mounts=[NOTES])
        theirs = oracle.run(name, values)
        assert (ours.is_error, ours.content) == (theirs.is_error, theirs.content), (name, values)


def test_grep_finds_the_same_lines_in_a_tree(host, oracle):
    make = bash('for d in a b c/d; do mkdir -p t/$d; for f in 1 2 3; do echo "found $d $f" > t/$d/$f; done; done')
    for name, values in (make, ("grep", {"pattern": "found [ac]"})):
        ours = host.client.run_tool("tree", name, values)
        theirs = oracle.run(name, values)
    assert sorted(ours.text.splitlines()) == sorted(theirs.text.splitlines())


def test_input_that_is_no_object_is_refused_as_the_sdk_refuses_it(host, oracle):
    assert host.client.run_tool("list", "read", ["x"]) == oracle.run("read", ["x"])
