"""PURE: the refusals a tool answers with."""

import errno


class ToolError(Exception):
    """A refusal whose text the model reads as it stands."""


class TimedOut(Exception):
    """The call's own time is up."""


class ShellLost(Exception):
    """The persistent shell ended."""


def reason(error: OSError) -> str:
    """The same wording on every platform, and never a path of the host."""
    if isinstance(error, FileNotFoundError):
        return "no such file or directory"
    if isinstance(error, NotADirectoryError):
        return "not a directory"
    if isinstance(error, IsADirectoryError):
        return "is a directory"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, FileExistsError):
        return "file already exists"
    if error.errno == errno.ELOOP:
        return "too many levels of symbolic links"
    return (error.strerror or "i/o error").lower()


def file_error(tool: str, path: str, error: OSError) -> ToolError:
    return ToolError(f"{tool}: {path}: {reason(error)}")
