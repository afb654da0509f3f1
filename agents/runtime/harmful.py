"""PURE: shell commands that do clear harm, whatever runs them; what is clearly harmless is in `harmless`."""

import posixpath
import re
from itertools import pairwise

from agents.runtime.paths import is_of_machine, is_root, is_secret
from agents.runtime.shell import WRITES, Command, read_line

DEPTH_MAX = 3  # of shells in shells
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
ANYBODY_WRITES = re.compile(r"0*[0-7]?[0-7]?[0-7][2367]|[augo]*[ao][augo]*[+=][rwxXst]*w[rwxXst]*|[+=][rwx]*w[rwx]*")


def is_harmful(text: str, depth: int = 0) -> bool:
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
    return any(is_harmful(part, depth + 1) for part in nested)


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
    if any(operator in WRITES and is_of_machine(target.text) for operator, target in command.redirects):
        return True
    if any(is_secret(target.text) for _, target in command.redirects):
        return True
    if program in ENDINGS or program.startswith("mkfs"):
        return True
    paths = [word for word in words if not word.startswith("-")]
    options = "".join(word for word in words if word.startswith("-") and not word.startswith("--"))
    is_deep = "r" in options.lower() or "--recursive" in words
    match program:
        case "rm" | "shred":
            return (is_deep or program == "shred") and any(is_root(path) or is_of_machine(path) for path in paths)
        case "find":
            does = "-delete" in words or "rm" in words
            return (does and any(is_root(path) for path in paths[:1])) or any(is_secret(path) for path in paths)
        case "chmod" | "chown":
            is_open = (program == "chown" and is_deep) or any(ANYBODY_WRITES.fullmatch(path) for path in paths)
            return is_open and any(is_root(path) for path in paths[1:])
        case "kill":
            return "-1" in words[1:]
        case "dd":
            return any(is_of_machine(word[3:]) for word in words if word.startswith("of="))
        case "tee" | "cp" | "mv" | "truncate":
            return any(is_of_machine(path) for path in paths[-1:]) or any(is_secret(path) for path in paths)
        case "echo" | "printf":
            return False
        case "grep" | "rg" | "egrep" | "fgrep":
            return any(is_secret(path) for path in paths[1:])
    return any(is_secret(path) for path in paths)


def _runs_harm(text: str, program: str, words: list[str], depth: int) -> bool:
    """A shell in the shell."""
    if program in ("eval", "source", ".") or SHELLS.fullmatch(program):
        if FETCHED.search(text):
            return True
        inner = " ".join(words) if program == "eval" else _after(words, "c")
        return bool(inner) and is_harmful(inner, depth + 1)
    if program == "find":
        return any(
            is_harmful(" ".join(words[index + 1 :]), depth + 1)
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
