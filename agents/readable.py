"""Web pages as Markdown, made by a program of its own: what parses hostile HTML has little memory, little time, and no
secret, and a worker does not keep the libraries for it.

Run as a script, it is that program: HTML in, Markdown out."""

import os
import re
import subprocess
import sys

SECONDS = 45.0  # two megabytes take 7 seconds of a processor, which others may want as well
CPU_SECONDS = 20
MEMORY_BYTES = 1024 * 1024 * 1024
DROPPED = ("script", "style", "noscript", "template", "svg", "iframe", "object", "embed", "canvas", "nav")
TEXT_MAX = 1_000_000  # characters: what is nested deeply grows with every line of it
ASIDE = "--charset"


class Unreadable(Exception):
    """No text could be made of it."""


def readable(page: bytes, charset: str = "") -> str:
    """Title and text of an HTML page."""
    command = [sys.executable, "-I", os.path.abspath(__file__), *([ASIDE, charset] if charset else [])]
    try:
        made = subprocess.run(command, input=page, capture_output=True, env={}, timeout=SECONDS, check=True)
    except subprocess.SubprocessError:
        raise Unreadable("no text could be made of the page") from None
    return made.stdout.decode()


def convert(page: bytes, charset: str | None) -> str:
    """The same, here and now: `readable` has another process do it, which may be stopped."""
    from bs4 import BeautifulSoup
    from markdownify import MarkdownConverter

    soup = BeautifulSoup(page, "html.parser", from_encoding=charset)
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    for element in soup(DROPPED):
        element.decompose()
    body = soup.body or soup
    try:
        text: str = MarkdownConverter(heading_style="ATX", strip=["img"]).convert_soup(body)
    except RecursionError:  # nested deeper than any page that people read
        text = body.get_text("\n")
    lines = [f"# {title}", "", *(line.rstrip() for line in text.splitlines() if line.strip() != f"# {title}")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines if title else lines[2:])).strip()


def main() -> None:
    """That other process: a page on standard input, its text on standard output."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    sys.setrecursionlimit(5_000)
    charset = sys.argv[sys.argv.index(ASIDE) + 1] if ASIDE in sys.argv else None
    sys.stdout.buffer.write(convert(sys.stdin.buffer.read(), charset)[:TEXT_MAX].encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
