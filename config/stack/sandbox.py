"""The sandbox host, and what the operator is told where no sandbox can work."""

import sys
import time

from django.conf import settings

from agents import plugs
from config.stack.children import Child, execute

READY_SECONDS = 15.0


def sandbox_host() -> Child:
    command = ["-m", "agents.sandbox.host", "--socket", settings.LUCID_SANDBOX_SOCKET, "--root", settings.SANDBOX_ROOT]
    command += ["--finish-seconds", settings.LUCID_STOP_SECONDS, *egress_options()]
    return Child("sandbox host", execute([sys.executable, *map(str, command)], folder=settings.BASE_DIR), "sandbox")


def egress_options() -> list[str]:
    if not settings.LUCID_EGRESS:
        return []
    return ["--egress", *(f"--egress-private={address}" for address in settings.LUCID_EGRESS_PRIVATE)]


def tell_about_sandbox() -> None:
    """Say once when tools are off, why, and how to mend it; everything else works on. A host that still starts gets
    its time."""
    deadline = time.monotonic() + READY_SECONDS
    while not (report := plugs.sandbox().probe()).works and time.monotonic() < deadline:
        time.sleep(0.2)
    if not report.works:
        print(f"Tools are off: {report.reason}. {report.remedy}", file=sys.stderr)
