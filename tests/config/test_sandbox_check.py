"""What `up` says about tools: nothing where they work, also when the sandbox host takes its time to start."""

import pytest

from agents import plugs
from agents.sandbox.base import SandboxReport
from config.stack import sandbox


class Host:
    """Answers from the third question on."""

    asked = 0

    def __init__(self, *args: object) -> None:
        """What it is given does not matter."""

    def probe(self) -> SandboxReport:
        Host.asked += 1
        return SandboxReport(Host.asked > 2, "the sandbox host does not answer", "Start it")


@pytest.fixture
def host(settings):
    settings.SANDBOX_BACKEND = f"{__name__}.Host"
    Host.asked = 0
    plugs.sandbox.cache_clear()
    yield Host
    plugs.sandbox.cache_clear()


def test_a_host_that_is_still_starting_is_waited_for(host, capsys):
    sandbox.tell_about_sandbox()
    assert (host.asked, capsys.readouterr().err) == (3, "")


def test_tools_that_stay_off_are_told_once_with_the_remedy(host, capsys, monkeypatch):
    monkeypatch.setattr(sandbox, "READY_SECONDS", 0.0)
    sandbox.tell_about_sandbox()
    assert capsys.readouterr().err == "Tools are off: the sandbox host does not answer. Start it\n"
