"""PURE: the permission policy `auto`: calls that only look or stay in the session's folders run, clear harm does not,
and a person is asked about everything else."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from agents.runtime.harmless import Looker
from agents.runtime.shell import WRITES, Command, read_line

WORKSPACE = "/workspace"
OUTPUTS = "/mnt/session/outputs"
READABLE = (WORKSPACE, "/mnt/session", "/mnt/memory", "/mnt/skills")
COMMAND_CHARS_MAX = 20_000  # a longer one is for a person to read
DEPTH_MAX = 3

WRAPPERS = frozenset(
    [
        "sudo",
        "doas",
        "env",
        "time",
        "nice",
        "nohup",
        "command",
        "exec",
        "builtin",
        "busybox",
        "setsid",
        "stdbuf",
        "timeout",
        "xargs",
        "then",
        "do",
        "else",
        "if",
        "while",
        "until",
        "!",
        "{",
        "-exec",
        "-execdir",
        "-ok",
    ]
)
SHELLS = re.compile(r"(?:ba|da|z|k|a|c|fi)?sh|python[\d.]*|perl|ruby|node|php")
FETCHERS = frozenset({"curl", "wget", "fetch", "aria2c"})
FETCHED = re.compile(r"(?:\$\(|`|<\()\s*(?:sudo\s+)?(?:curl|wget)\b")
NESTED = re.compile(r"\$\(|`|[<>]\(")
FORK_BOMB = re.compile(r"([\w:.]+)\(\)\{\1\|\1&\};?\1")
ENDINGS = frozenset({"shutdown", "reboot", "halt", "poweroff", "wipefs", "fdisk", "parted", "mkswap", "sysrq"})
_HOME = r"(?:~[^/]*|\$\{?HOME\}?|/root|/home/[^/]+|/workspace|\.)"
SECRETS = re.compile(
    rf"(?:{_HOME}/)?\.(?:ssh|aws|gnupg|netrc|git-credentials|kube)(?:/.*)?"
    r"|/proc/(?:.*/)?(?:environ|mem)|/etc/(?:shadow|gshadow|sudoers)-?|/run/secrets(?:/.*)?|/dev/k?mem"
)
# The roots that hold everything, and the folders right below the one of the machine.
ROOTS = re.compile(
    r"/?|/\*|(?:~[^/]*|\$\{?HOME\}?)(?:/\*?)?|/mnt(?:/\*|/(?:session|memory|skills)(?:/[^/]+)?)?(?:/\*)?"
    r"|/(?:bin|boot|dev|etc|home|lib\d*|opt|proc|root|run|sbin|srv|sys|usr|var)(?:/\*)?"
)
MACHINE = re.compile(r"/(?:dev|proc|sys|boot)/.+")
NO_DEVICE = re.compile(r"/dev/(?:null|zero|full|u?random|tty|std(?:in|out|err)|fd/\d+)")
ANYBODY_WRITES = re.compile(r"0*[0-7]?[0-7]?[0-7][2367]|[augo]*[ao][augo]*[+=][rwxXst]*w[rwxXst]*|[+=][rwx]*w[rwx]*")


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
    if _is_secret(path) or (is_write and _is_of_machine(path)):
        return DANGEROUS
    return SAFE if _is_within(path, folders) else UNCLEAR


def _of_bash(arguments: Mapping[str, Any], writable: Sequence[str]) -> Judgement:
    command = arguments.get("command")
    if command is None and arguments.get("restart") is True:
        return SAFE  # of its own shell
    if not isinstance(command, str) or len(command) > COMMAND_CHARS_MAX:
        return UNCLEAR
    if _is_dangerous(command):
        return DANGEROUS
    line = read_line(command)
    looker = Looker(may_read=lambda path: _is_within(path, READABLE), may_write=lambda path: _is_within(path, writable))
    is_safe = line.is_plain and line.commands and all(looker.is_harmless(command) for command in line.commands)
    return SAFE if is_safe else UNCLEAR


# Paths


def _absolute(path: str) -> str:
    return re.sub("^/+", "/", posixpath.normpath(posixpath.join(WORKSPACE, path)))


def _is_within(path: str, folders: Sequence[str]) -> bool:
    if not path or path.startswith("~") or not path.isprintable():
        return False
    whole = _absolute(path)
    return any(whole == folder or whole.startswith(f"{folder}/") for folder in folders)


def _is_secret(path: str) -> bool:
    return bool(SECRETS.fullmatch(path) or SECRETS.fullmatch(_absolute(path)))


def _is_of_machine(path: str) -> bool:
    whole = _absolute(path)
    return bool(MACHINE.fullmatch(whole)) and not NO_DEVICE.fullmatch(whole)


def _is_root(path: str) -> bool:
    return bool(ROOTS.fullmatch(path.rstrip("/") or "/") or ROOTS.fullmatch(_absolute(path)))


# Harm


def _is_dangerous(text: str, depth: int = 0) -> bool:
    """What does clear harm, wherever in the line it stands; what hides better than this is asked about."""
    if depth > DEPTH_MAX:
        return False
    line = read_line(text)
    if FORK_BOMB.search(re.sub(r"\s", "", line.bare)):
        return True
    has_fetched = False  # by an earlier command of the same pipe
    for command in line.commands:
        words = _unwrapped(command.texts)
        program = posixpath.basename(words[0]) if words else ""
        has_fetched = has_fetched and command.is_piped
        if has_fetched and _runs_what_it_reads(program, words[1:]):
            return True
        has_fetched = has_fetched or program in FETCHERS
        if _does_harm(command, program, words[1:]) or _runs_harm(text, program, words[1:], depth):
            return True
    nested = [] if line.is_plain else NESTED.split(text)[1:]
    return any(_is_dangerous(part, depth + 1) for part in nested)


def _runs_what_it_reads(program: str, words: list[str]) -> bool:
    if SHELLS.fullmatch(program) and program.endswith("sh"):
        return not _after(words, "c")
    return bool(SHELLS.fullmatch(program)) and words in ([], ["-"])


def _unwrapped(words: list[str]) -> list[str]:
    """Without what only runs another program: `sudo -n env A=b rm` is `rm`."""
    is_wrapped = True
    for index, word in enumerate(words):
        if posixpath.basename(word) in WRAPPERS:
            is_wrapped = True
        elif not (
            re.match(r"\w+=", word)
            or (is_wrapped and index and (word.startswith("-") or re.fullmatch(r"\d+[smhd]?", word)))
        ):
            return words[index:]
    return []


def _does_harm(command: Command, program: str, words: list[str]) -> bool:
    if any(operator in WRITES and _is_of_machine(target.text) for operator, target in command.redirects):
        return True
    if any(_is_secret(target.text) for _, target in command.redirects):
        return True
    if program in ENDINGS or program.startswith("mkfs"):
        return True
    paths = [word for word in words if not word.startswith("-")]
    options = "".join(word for word in words if word.startswith("-") and not word.startswith("--"))
    is_deep = "r" in options.lower() or "--recursive" in words
    match program:
        case "rm" | "shred":
            return (is_deep or program == "shred") and any(_is_root(path) or _is_of_machine(path) for path in paths)
        case "find":
            does = "-delete" in words or "rm" in words
            return (does and any(_is_root(path) for path in paths[:1])) or any(_is_secret(path) for path in paths)
        case "chmod" | "chown":
            is_open = (program == "chown" and is_deep) or any(ANYBODY_WRITES.fullmatch(path) for path in paths)
            return is_open and any(_is_root(path) for path in paths[1:])
        case "kill":
            return "-1" in words[1:]
        case "dd":
            return any(_is_of_machine(word[3:]) for word in words if word.startswith("of="))
        case "tee" | "cp" | "mv" | "truncate":
            return any(_is_of_machine(path) for path in paths[-1:]) or any(_is_secret(path) for path in paths)
        case "echo" | "printf":
            return False
        case "grep" | "rg" | "egrep" | "fgrep":
            return any(_is_secret(path) for path in paths[1:])
    return any(_is_secret(path) for path in paths)


def _runs_harm(text: str, program: str, words: list[str], depth: int) -> bool:
    """A shell in the shell."""
    if program in ("eval", "source", ".") or SHELLS.fullmatch(program):
        if FETCHED.search(text):
            return True
        inner = " ".join(words) if program == "eval" else _after(words, "c")
        return bool(inner) and _is_dangerous(inner, depth + 1)
    if program == "find":
        return any(
            _is_dangerous(" ".join(words[index + 1 :]), depth + 1)
            for index, word in enumerate(words)
            if word in ("-exec", "-execdir")
        )
    return False


def _after(words: list[str], letter: str) -> str:
    """What follows the option, alone (`-c`) or at the end of others (`-lc`)."""
    for word, following in pairwise(words):
        if re.fullmatch(rf"-\w*{letter}", word):
            return following
    return ""
