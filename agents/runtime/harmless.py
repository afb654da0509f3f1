"""PURE: shell commands that only look: what each may be given so that it stays so.

Options are listed, not excluded: programs understand shortened names of the ones that write or run something."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from agents.runtime.shell import READS, Command, Word

GLOBS = re.compile(r"[*?\[]")
STREAMS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})
MANY = 1_000
type IsWithin = Callable[[str], bool]


class Options(NamedTuple):
    """`flags`: letters alone. `valued`: letters with a value, in the same word or the next. `names`: long ones.
    `most`: how many words that are no option, `skips`: how many of those at the front are no file."""

    flags: str = ""
    valued: str = ""
    names: frozenset[str] = frozenset()
    most: int = MANY
    skips: int = 0


def _names(text: str) -> frozenset[str]:
    return frozenset(f"--{name}" for name in text.split())


_SEARCH = "include exclude exclude-dir color colour count ignore-case line-number files-with-matches only-matching"
_SUMS = Options("btz")
PROGRAMS = {
    "ls": Options("1aAbBcCdFghHilLmnNopqQrRsStuUvxXZ", "Iw", _names("all almost-all color human-readable recursive")),
    "cat": Options("AbeEnstTuv", "", _names("number show-all")),
    "head": Options("qvz0123456789", "nc", _names("lines bytes quiet")),
    "tail": Options("qvz0123456789", "nc", _names("lines bytes quiet")),
    "wc": Options("clmLw", "", _names("lines words bytes chars")),
    "nl": Options("p", "bdfhinlsvw"),
    "grep": Options("abcEFGhHilLnoPqrRsUvVwxyzZ", "ABCm", _names(f"{_SEARCH} recursive invert-match"), skips=1),
    "egrep": Options("abchHilLnoqrRsvwx", "ABCm", _names(_SEARCH), skips=1),
    "fgrep": Options("abchHilLnoqrRsvwx", "ABCm", _names(_SEARCH), skips=1),
    "rg": Options("acFHhiIlLNnoPpqsSUuvwx", "ABCgmtTM", _names(f"{_SEARCH} hidden glob type no-ignore"), skips=1),
    "sort": Options("bcCdfghiMnrRsuVz", "kt", _names("reverse unique numeric-sort key field-separator")),
    "uniq": Options("cdDiuz", "fsw", _names("count repeated unique ignore-case"), most=1),
    "diff": Options("abBcdeiNpqrstuwyTE", "CUW", _names("brief recursive unified side-by-side color")),
    "cmp": Options("bls", "in"),
    "comm": Options("123z"),
    "cut": Options("nsz", "bcdf", _names("delimiter fields")),
    "tr": Options("cCdst", skips=2, most=2),
    "tac": Options(),
    "rev": Options(),
    "stat": Options("Lft", "", _names("terse")),
    "du": Options("0abchHklmsSx", "d", _names("summarize human-readable max-depth")),
    "df": Options("ahHiklPT", "", _names("human-readable")),
    "md5sum": _SUMS,
    "sha1sum": _SUMS,
    "sha256sum": _SUMS,
    "basename": Options("az", "s"),
    "dirname": Options("z"),
    "realpath": Options("emqsz"),
    "pwd": Options("LP", most=0),
    "whoami": Options(most=0),
    "id": Options("ugnGr", most=0),
    "uname": Options("amnoprsv", most=0),
    "true": Options(most=0),
    "false": Options(most=0),
    "cd": Options(most=1),
}
VERSIONS = frozenset({"python", "python3", "node", "npm", "pip", "pip3", "git", "gcc", "go", "cargo", "java", "ruby"})
FIND_TESTS = frozenset(
    [
        "-name",
        "-iname",
        "-path",
        "-ipath",
        "-type",
        "-maxdepth",
        "-mindepth",
        "-size",
        "-mtime",
        "-mmin",
        "-newer",
        "-empty",
        "-print",
        "-print0",
        "-not",
        "-o",
        "-or",
        "-a",
        "-and",
        "-prune",
    ]
)


@dataclass(frozen=True, slots=True)
class Looker:
    """What may be read and written, asked of an absolute or relative path as the command names it."""

    may_read: IsWithin
    may_write: IsWithin

    def is_harmless(self, command: Command) -> bool:
        return all(self._is_kept(operator, target) for operator, target in command.redirects) and self._looks(command)

    def _is_kept(self, operator: str, target: Word) -> bool:
        if not _is_literal(target):
            return False
        if operator in READS:
            return self.may_read(target.text)
        if operator == ">&" and target.text in ("1", "2"):
            return True
        # A command that somebody allowed may have gone elsewhere: a relative path says not where it leads.
        return target.text in STREAMS or (target.text.startswith("/") and self.may_write(target.text))

    def _looks(self, command: Command) -> bool:
        if not command.words or not all(_is_tame(word) for word in command.words):
            return not command.words and bool(command.redirects)
        program, *words = command.texts
        if program == "echo":
            return True
        if program in VERSIONS:
            return words in (["--version"], ["-V"]) if program.startswith("python") else words == ["--version"]
        if program == "find":
            return self._finds(words)
        if program == "cd" and (not words or words[0].startswith("-")):
            return False
        return program in PROGRAMS and self._is_used_well(PROGRAMS[program], command.words[1:])

    def _finds(self, words: list[str]) -> bool:
        return all(
            word in FIND_TESTS if word.startswith("-") else word in ("(", ")", "!") or self.may_read(word)
            for word in words
        )

    def _is_used_well(self, options: Options, words: list[Word]) -> bool:
        plain: list[Word] = []
        is_over = False
        for word in words:
            if word.text == "--" and not is_over:
                is_over = True
            elif is_over or word.text == "-" or not word.text.startswith("-"):
                plain.append(word)
            elif not _is_option(word.text, options):
                return False
        # A pattern that a shell replaces by names is not one word: the second one would be a file nobody looked at.
        singles = plain if options.most < MANY else plain[: options.skips]
        is_counted = len(plain) <= options.most and all(_is_literal(word) for word in singles)
        return is_counted and all(self.may_read(word.text) for word in plain[options.skips :])


def _is_option(word: str, options: Options) -> bool:
    if word.startswith("--"):
        return word.split("=", 1)[0] in options.names
    for letter in word[1:]:
        if letter in options.valued:
            return True
        if letter not in options.flags:
            return False
    return True


def _is_literal(word: Word) -> bool:
    return not GLOBS.search(word.bare) and not word.bare.startswith("~")


def _is_tame(word: Word) -> bool:
    """Whether what a shell makes of it are names below the path it shows: a file may be called `-o`, and `.*` is also
    the folder above."""
    if word.bare.startswith("~"):
        return False
    if not GLOBS.search(word.bare):
        return True
    has_dots = any(part.startswith(".") and part != "." for part in word.text.split("/"))
    return not has_dots and not GLOBS.match(word.bare)
