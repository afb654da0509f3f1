"""The running product as a bench uses it: the official client, its process tree, an agent to talk to."""

import re
import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import anthropic
import psutil

from tests.stack import Stack

PARTS = {
    "lucid-web": "web",
    "lucid-worker": "workers",
    "lucid-practice": "model",
    "redis-server": "redis",
    "valkey-server": "redis",
}
CLOUD = {"type": "cloud", "networking": {"type": "unrestricted"}}


@dataclass
class Product:
    stack: Stack
    api_key: str
    password: str

    @classmethod
    def of(cls, stack: Stack) -> "Product":
        text = stack.output()
        return cls(stack, _after("API key", text), _after("password", text))

    def started_again(self, stack: Stack) -> "Product":
        """The same installation after a restart, which shows no secrets."""
        return Product(stack, self.api_key, self.password)

    def client(self) -> anthropic.Anthropic:
        return anthropic.Anthropic(base_url=self.stack.url, api_key=self.api_key, max_retries=0)

    @cached_property
    def sdk(self) -> anthropic.Anthropic:
        return self.client()

    @cached_property
    def agent_id(self) -> str:
        tools: Any = [{"type": "agent_toolset_20260401"}]
        return self.sdk.beta.agents.create(name="Bench", model="practice-1", tools=tools).id

    @cached_property
    def environment_id(self) -> str:
        config: Any = CLOUD
        return self.sdk.beta.environments.create(name=f"bench {secrets.token_hex(4)}", config=config).id

    def new_session(self) -> str:
        return self.sdk.beta.sessions.create(agent=self.agent_id, environment_id=self.environment_id).id

    def processes(self) -> list[psutil.Process]:
        parent = psutil.Process(self.stack.process.pid)
        return [parent, *parent.children(recursive=True)]

    def web_process(self) -> psutil.Process:
        return next(process for process in self.processes() if process.name() == "lucid-web")

    def cpu_by_part(self) -> dict[str, float]:
        """The same by what the processes do; `others` are the parent and the sandbox host."""
        used = dict.fromkeys((*PARTS.values(), "others"), 0.0)
        for process in self.processes():
            times = process.cpu_times()
            used[PARTS.get(process.name(), "others")] += times.user + times.system
        return used

    def cpu_seconds(self) -> float:
        """What the whole tree has used so far, children that ended included."""
        times = [process.cpu_times() for process in self.processes()]
        return sum(item.user + item.system for item in times)


def _after(label: str, text: str) -> str:
    found = re.search(rf"{label} +(\S+)", text)
    assert found, text
    return found[1]
