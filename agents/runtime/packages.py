"""The packages of a session's environment: had on this machine before the first tool of a turn runs, and told of."""

from collections.abc import Callable
from typing import Any

from agents.sandbox.base import Packages, Sandbox


def have_packages(packages: Packages, sandbox: Sandbox, stop: Callable[[], bool] | None) -> list[dict[str, Any]]:
    """The wire's error for each manager whose packages are not there; the session goes on without, and the next turn
    tries again."""
    problems = sandbox.install_packages(packages, stop=stop)
    return [_error(manager, said) for manager, said in sorted(problems.items())]


def packages_note(packages: Packages) -> str:
    """What the system prompt says of them."""
    lines = [f"- {manager}: {' '.join(names)}" for manager, names in packages.names.items()]
    if "apt" in packages.names:
        lines.append("Those of apt are unpacked below /opt/packages/apt, without being configured.")
    return "\n".join(["These packages are installed for you before your first command.", *lines])


def _error(manager: str, said: str) -> dict[str, Any]:
    return {
        "type": "unknown_error",
        "message": f"The environment's {manager} packages are not installed: {said}",
        "retry_status": {"type": "retrying"},
    }
