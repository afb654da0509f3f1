"""PURE: a line of shell as the commands it runs, and whether that is all it does: nothing expanded, nothing nested."""

import re
from dataclasses import dataclass, field

OPERATORS = re.compile(r"&>>|&>|&&|\|\||\|&|;;|>>|>\||>&|<<<|<<|<>|<&|[<>]\(|[;&|<>\n()`]")
WRITES = frozenset({">", ">>", ">|", "&>", "&>>", ">&"})
READS = frozenset({"<"})
JOINS = frozenset({"&&", "||", ";", "|", "|&", "\n"})
PIPES = frozenset({"|", "|&"})
QUOTED = "\0"


@dataclass(slots=True)
class Word:
    """`bare` is the text with every quoted character blotted out: only what is left can mean something to a shell."""

    text: str = ""
    bare: str = ""

    def add(self, char: str, *, is_quoted: bool = False) -> None:
        self.text += char
        self.bare += QUOTED if is_quoted else char


@dataclass(slots=True)
class Command:
    """`is_piped`: it reads what the command before it writes."""

    words: list[Word] = field(default_factory=list)
    redirects: list[tuple[str, Word]] = field(default_factory=list)
    is_piped: bool = False

    @property
    def texts(self) -> list[str]:
        return [word.text for word in self.words]


@dataclass(slots=True)
class Line:
    """`is_plain`: a shell makes nothing else of it than what is read here. `bare`: see `Word`."""

    commands: list[Command]
    is_plain: bool
    bare: str


def read_line(text: str) -> Line:
    """Never fails: what cannot be read for sure is not plain."""
    reader = _Reader(text)
    reader.read()
    commands = [command for command in reader.commands if command.words or command.redirects]
    return Line(commands=commands, is_plain=reader.is_plain, bare="".join(reader.bare))


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.commands = [Command()]
        self.word: Word | None = None
        self.redirect = ""
        self.bare: list[str] = []
        # A character that looks like a blank or like nothing may separate words here and not there.
        self.is_plain = all(char.isprintable() or char in "\n\t" for char in text)

    def read(self) -> None:
        while self.at < len(self.text):
            if found := OPERATORS.match(self.text, self.at):
                self._operator(found[0])
            else:
                self._character(self.text[self.at])
        self._end_command(is_piped=False)

    def _character(self, char: str) -> None:
        self.at += 1
        if char in " \t":
            self._end_word()
        elif char == "\\":
            self._escape()
        elif char == "'":
            self._single()
        elif char == '"':
            self._double()
        elif char == "#" and self.word is None:
            self.is_plain = False
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
        elif char == "$" and self.text[self.at : self.at + 1] == "(":
            self.is_plain = False
        else:
            self.is_plain = self.is_plain and char not in "${}"
            self._add(char)

    def _add(self, char: str, *, is_quoted: bool = False) -> None:
        self.word = self.word or Word()
        self.word.add(char, is_quoted=is_quoted)
        self.bare.append(QUOTED if is_quoted else char)

    def _escape(self) -> None:
        following = self.text[self.at : self.at + 1]
        self.at += 1
        if not following:
            self.is_plain = False
        elif following != "\n":
            self._add(following, is_quoted=True)

    def _single(self) -> None:
        end = self.text.find("'", self.at)
        if end < 0:
            self.is_plain, end = False, len(self.text)
        self.word = self.word or Word()
        for char in self.text[self.at : end]:
            self._add(char, is_quoted=True)
        self.at = end + 1

    def _double(self) -> None:
        self.word = self.word or Word()
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            if char == '"':
                return
            if char == "\\" and self.text[self.at : self.at + 1] in tuple('$`"\\\n'):
                self._escape()
                continue
            self.is_plain = self.is_plain and char not in "$`"
            self._add(char, is_quoted=True)
        self.is_plain = False

    def _operator(self, operator: str) -> None:
        self.at += len(operator)
        self.bare.append(operator)
        if operator in WRITES or operator in READS:
            if self.word and self.word.bare.isdigit():
                self.word = None  # which stream it is about
            self._end_word()
            self.is_plain = self.is_plain and not self.redirect
            self.redirect = operator
        else:
            self.is_plain = self.is_plain and operator in JOINS
            self._end_command(is_piped=operator in PIPES)

    def _end_word(self) -> None:
        if self.word is None:
            return
        if self.redirect:
            self.commands[-1].redirects.append((self.redirect, self.word))
            self.redirect = ""
        else:
            self.commands[-1].words.append(self.word)
        self.word = None

    def _end_command(self, *, is_piped: bool) -> None:
        self._end_word()
        if self.redirect:
            self.is_plain, self.redirect = False, ""
        self.commands.append(Command(is_piped=is_piped))
