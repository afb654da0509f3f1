"""Wire events of made-up sessions, in the words of a test."""

from itertools import count
from typing import Any

_numbers = count(1)


def text(value: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": value}]


def _event(kind: str, **members: Any) -> dict[str, Any]:
    return {"id": f"sevt_{next(_numbers)}", "type": kind, "processed_at": "2026-11-02T09:00:00Z", **members}


def said(value: str) -> dict[str, Any]:
    return _event("user.message", content=text(value))


def prose(value: str) -> dict[str, Any]:
    return _event("agent.message", content=text(value))


def ran(command: str, output: str, *, fails: bool = False) -> list[dict[str, Any]]:
    use = _event("agent.tool_use", name="bash", input={"command": command})
    return [use, _event("agent.tool_result", tool_use_id=use["id"], content=text(output), is_error=fails)]


def used(tool: str, arguments: dict[str, Any], output: str, *, fails: bool = False) -> list[dict[str, Any]]:
    use = _event("agent.tool_use", name=tool, input=arguments)
    return [use, _event("agent.tool_result", tool_use_id=use["id"], content=text(output), is_error=fails)]


def searched(query: str, title: str, extract: str) -> list[dict[str, Any]]:
    use = _event("agent.tool_use", name="web_search", input={"query": query})
    hit = {"type": "search_result", "source": "https://a.example", "title": title, "content": text(extract)}
    return [use, _event("agent.tool_result", tool_use_id=use["id"], content=[hit], is_error=False)]


def called(tool: str, arguments: dict[str, Any], output: str, *, fails: bool = False) -> list[dict[str, Any]]:
    use = _event("agent.custom_tool_use", name=tool, input=arguments)
    return [use, _event("user.custom_tool_result", custom_tool_use_id=use["id"], content=text(output), is_error=fails)]


def asked_server(tool: str, arguments: dict[str, Any], output: str) -> list[dict[str, Any]]:
    use = _event("agent.mcp_tool_use", name=tool, mcp_server_name="crm", input=arguments)
    return [use, _event("agent.mcp_tool_result", mcp_tool_use_id=use["id"], content=text(output))]


def mended(
    program: str = "zorp", flag: str = "--compat", kind: str = "kel", error: str = "zorp: a.kel: bad header"
) -> list[dict[str, Any]]:
    """A call that fails, and the call that works once a flag is added."""
    return [
        *ran(f"{program} /data/a.{kind}", error, fails=True),
        *ran(f"{program} {flag} /data/a.{kind}", "42 rows"),
        prose("Done."),
    ]
