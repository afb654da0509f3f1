"""PURE: what each package manager takes for a package, with or without its version, and nothing that it would take for
an option, an address, a path or a link."""

import re

_VERSION = r"[A-Za-z0-9][A-Za-z0-9._+~-]*"
_PIP_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_PIP_VERSION = r" *(?:===|==|~=|!=|<=|>=|<|>) *[A-Za-z0-9][A-Za-z0-9._+!*-]*"
_NPM_PART = r"[A-Za-z0-9~][A-Za-z0-9._~-]*"

_PATTERNS = {
    "apt": r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.](?::[a-z0-9]+)?(?:=[A-Za-z0-9][A-Za-z0-9.+:~-]*)?",
    "cargo": rf"[A-Za-z][A-Za-z0-9_-]*(?:@[=^~]?{_VERSION})?",
    "gem": rf"[A-Za-z0-9][A-Za-z0-9._-]*(?::{_VERSION})?",
    "go": rf"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?:/[A-Za-z0-9][A-Za-z0-9._~+-]*)+(?:@{_VERSION})?",
    "npm": rf"(?!.*\.(?:tgz|tar|tar\.gz)$)(?:@{_NPM_PART}/)?{_NPM_PART}(?:@[A-Za-z0-9.^~<>=*|+_-]+)?",
    "pip": rf"{_PIP_NAME}(?:\[ *{_PIP_NAME}(?: *, *{_PIP_NAME})* *\])?(?:{_PIP_VERSION}(?: *,{_PIP_VERSION})*)?",
}
_SHAPES = {manager: re.compile(pattern) for manager, pattern in _PATTERNS.items()}
EXAMPLES = {
    "apt": "jq or jq=1.6-2.1",
    "cargo": "ripgrep or ripgrep@14.1.0",
    "gem": "rake or rake:13.2.1",
    "go": "golang.org/x/tools/cmd/stringer@v0.24.0",
    "npm": "typescript, typescript@5.6 or @types/node@22",
    "pip": "pandas, pandas==2.2.3 or uvicorn[standard]>=0.30",
}


def is_package(text: str, manager: str) -> bool:
    """Whether the package manager would take the text for a package: no option, address or path."""
    return bool(_SHAPES[manager].fullmatch(text)) and not text.startswith("-")
