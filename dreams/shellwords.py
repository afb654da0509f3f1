"""PURE: a shell command as words: its simple commands, the program each runs, its target's file type, its words without
the particular file names."""

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

_SEPARATORS = {"&&", "||", ";", "|", "&", "|&", ";;"}
_REDIRECTS = {">", ">>", "<", "&>", ">|", "<<", "<<<", ">&", "<&"}
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
_WRAPPERS = {"sudo", "env", "time", "nice", "command", "exec"}
_INTERPRETERS = re.compile(r"^(?:python[\d.]*|bash|sh|node|perl|ruby)$")
_FILE = re.compile(r"^(?!-)(?:[^=\n'\"(){}$]{0,200}/)?[^/=\n'\"(){}$]{0,80}\.(?P<type>[A-Za-z0-9_]{1,12})$")
_NUMBER = re.compile(r"^\d+(?:\.\d+)*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleCommand:
    program: str
    words: tuple[str, ...]
    target: str = ""

    @property
    def scope(self) -> str:
        """The target's file type as a glob, or nothing."""
        return file_scope(self.target)

    @property
    def masked(self) -> tuple[str, ...]:
        """The words with files named by type only, so that two runs on different files read equal."""
        return tuple(_masked(word) for word in self.words)


def file_scope(path: str) -> str:
    match = _FILE.match(path)
    return f"*.{match['type']}" if match and not _NUMBER.match(path) else ""


def simple_commands(command: str) -> list[SimpleCommand]:
    """The simple commands of a line, in order; an unparsable line is one command of its blank-separated words."""
    commands: list[list[str]] = [[]]
    for word in _split(command):
        if word in _SEPARATORS:
            commands.append([])
        else:
            commands[-1].append(word)
    return [made for words in commands if (made := _command(words)) is not None]


def _split(command: str) -> list[str]:
    lexer = shlex.shlex(command.replace("\\\n", " "), posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.whitespace = " \t\r"
    try:
        return [";" if "\n" in word and not word.strip(";&|\n") else word for word in lexer]
    except ValueError:
        return command.split()


def _command(words: list[str]) -> SimpleCommand | None:
    start = 0
    while start < len(words) and (_ASSIGNMENT.match(words[start]) or words[start] in _WRAPPERS):
        start += 1
    if start >= len(words) or words[start] in _REDIRECTS:
        return None
    words = _without_redirects(words)
    first, after = PurePosixPath(words[start]).name, start + 1
    if _INTERPRETERS.match(first) and after < len(words) and not words[after].startswith("-"):
        first, after = PurePosixPath(words[after]).name, after + 1
    return SimpleCommand(program=first, words=tuple(words), target=_target(words[after:]))


def _target(arguments: list[str]) -> str:
    found = next((word for word in arguments if file_scope(word)), "")
    return found or next((word for word in arguments if word.startswith(("/", "./", "../"))), "")


def _without_redirects(words: list[str]) -> list[str]:
    """Where output goes is no part of how a program is called."""
    kept: list[str] = []
    skip = False
    for i, word in enumerate(words):
        following = words[i + 1] if i + 1 < len(words) else ""
        if skip or word in _REDIRECTS or (word.isdigit() and following in _REDIRECTS):
            skip = word in _REDIRECTS and not skip
            continue
        kept.append(word)
    return kept


def _masked(word: str) -> str:
    if word.startswith("-") or "=" in word.split("/", 1)[0]:
        return word
    return file_scope(word) or ("<path>" if "/" in word else word)
