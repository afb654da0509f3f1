"""The form of an agent: a definition as people fill it in."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, get_args

from anthropic.types.beta.beta_managed_agents_model import BetaManagedAgentsModel
from django import forms

from agents import limits
from agents.definitions.as_text import (
    OFF,
    POLICIES,
    json_entries,
    pair_lines,
    pairs_from,
    server_lines,
    servers_from,
    switches,
    toolset_of,
)
from agents.definitions.multiagent import COORDINATOR, DISABLED, MEMBERWISE, SELF, pins
from agents.definitions.parts import Definition
from agents.definitions.tools import BUILT_IN_TOOLS, TOOLSET
from agents.exceptions import DomainError
from agents.forms.parts import RefusableForm, area, offer, text_field
from agents.services.web_tools import missing_web_tools
from agents.storable import storable

KNOWN_MODELS: tuple[str, ...] = get_args(get_args(BetaManagedAgentsModel)[0])
EFFORTS = [(word, word) for word in ("low", "medium", "high", "xhigh", "max")]
SWITCHES = [(OFF, "off"), ("allow", "runs freely"), ("ask", "asks first"), ("auto", "judged call by call")]
TOOL_WORDS = {
    "bash": "Run commands in a shell",
    "read": "Read files",
    "write": "Write files",
    "edit": "Change parts of files",
    "glob": "Find files by name",
    "grep": "Search in files",
    "web_fetch": "Fetch a web page",
    "web_search": "Search the web",
}


class AgentForm(RefusableForm):
    """A definition as people fill it in; `before` is the version that the page showed, None for a new agent."""

    places = {"multiagent": "roster"}

    name = forms.CharField(label="Name", max_length=limits.AGENT_NAME_MAX)
    model = forms.CharField(
        label="Model",
        max_length=limits.AGENT_NAME_MAX,
        widget=forms.TextInput(attrs={"list": "known-models", "autocomplete": "off"}),
        help_text="Any id that your model endpoint knows.",
    )
    effort = forms.ChoiceField(label="Effort", choices=EFFORTS, initial="high")
    speed = forms.ChoiceField(label="Speed", choices=[("standard", "standard"), ("fast", "fast")], initial="standard")
    inference_geo = forms.CharField(label="Region", required=False, max_length=limits.INFERENCE_GEO_MAX)
    description = text_field("Description", longest=limits.AGENT_DESCRIPTION_MAX, area=area(2))
    system = text_field(
        "System prompt",
        longest=limits.AGENT_SYSTEM_MAX,
        area=area(8, "Who the agent is and how it works"),
    )
    custom_tools = text_field(
        "Custom tools",
        longest=1_000_000,
        area=area(4, '[{"name": …, "description": …, "input_schema": {"type": "object"}}]', is_code=True),
        help_text="A JSON list. Your own program answers their calls.",
    )
    mcp_servers = text_field(
        "MCP servers",
        longest=100_000,
        area=area(2, "tickets https://mcp.example.com/mcp ask", is_code=True),
        help_text="One a line: name, address, and allow, ask, auto or off for its tools.",
    )
    skills = forms.MultipleChoiceField(label="Skills", required=False, widget=forms.CheckboxSelectMultiple)
    roster = forms.MultipleChoiceField(label="May call in", required=False, widget=forms.CheckboxSelectMultiple)
    metadata = text_field(
        "Metadata", longest=20_000, area=area(2, "team = support", is_code=True), help_text="One a line: key = value."
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput(attrs={"autocomplete": "off"}))
    edition = forms.CharField(required=False, widget=forms.HiddenInput(attrs={"autocomplete": "off"}))

    def __init__(
        self,
        data: Any = None,
        *,
        before: Definition | None = None,
        version: int | None = None,
        edition: str = "",
        skills: Iterable[tuple[str, str]] = (),
        agents: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(data, initial={**_initial(before, version), "edition": edition})
        self.before = before
        self.lines_of_tools: list[int] = []
        missing = missing_web_tools()
        for name in BUILT_IN_TOOLS:
            words = f"{TOOL_WORDS[name]} (not offered: {missing[name]})" if name in missing else TOOL_WORDS[name]
            self.fields[f"tool_{name}"] = forms.ChoiceField(
                label=words, choices=SWITCHES, initial=switches(before)[name] if before else "allow"
            )
        self._offer("skills", skills, [skill["skill_id"] for skill in before["skills"]] if before else [])
        self._offer("roster", agents, [pin[0] for pin in pins(before["multiagent"])] if before else [])

    def _offer(self, name: str, choices: Iterable[tuple[str, str]], chosen: Sequence[str]) -> None:
        """What may be ticked; something chosen that is no longer offered stays until somebody takes the tick away."""
        offered = dict(choices)
        kept = {value: value for value in chosen if value not in offered}
        offer(self, name, (offered | kept).items())

    @property
    def built_in(self) -> list[forms.BoundField]:
        return [self[f"tool_{name}"] for name in BUILT_IN_TOOLS]

    def clean_custom_tools(self) -> list[dict[str, Any]]:
        text = self.cleaned_data["custom_tools"]
        entries = self._lines("custom_tools", json_entries) if text.strip() else []
        self.lines_of_tools = [line for line, _ in entries]
        for line, tool in entries:
            missing = [name for name in ("name", "description", "input_schema") if name not in tool]
            if missing:
                raise forms.ValidationError(f"Line {line}: the tool lacks {' and '.join(missing)}.")
            unknown = sorted(set(tool) - {"type", "name", "description", "input_schema"})
            if unknown:
                raise forms.ValidationError(f"Line {line}: a custom tool has no {unknown[0]}.")
            if not all(isinstance(tool[name], str) for name in ("name", "description")):
                raise forms.ValidationError(f"Line {line}: name and description are texts.")
            schema = tool["input_schema"]
            if not isinstance(schema, dict) or not isinstance(schema.get("properties") or {}, dict):
                raise forms.ValidationError(f"Line {line}: input_schema and its properties are objects.")
            if storable(tool) != tool:
                raise forms.ValidationError(f"Line {line}: it holds a character that cannot be stored.")
        return [{**tool, "type": "custom"} for _, tool in entries]

    def clean_mcp_servers(self) -> Any:
        return self._lines("mcp_servers", lambda text: servers_from(text, self.before))

    def clean_metadata(self) -> Any:
        return self._lines("metadata", pairs_from)

    def body(self) -> dict[str, Any]:
        """The members of a create or an update, as the wire has them."""
        said = self.cleaned_data
        servers, toolsets = said["mcp_servers"]
        gone = dict.fromkeys(set(self.before["metadata"]) - set(said["metadata"])) if self.before else {}
        model = {name: said[name] for name in ("effort", "speed")}
        return {
            "name": said["name"],
            "model": {"id": said["model"], **model, "inference_geo": said["inference_geo"] or None},
            "description": said["description"].replace("\r\n", "\n"),
            "system": said["system"].replace("\r\n", "\n"),
            "tools": [*self._toolset(), *toolsets, *said["custom_tools"]],
            "mcp_servers": servers,
            "skills": self._skills(),
            "metadata": {**said["metadata"], **gone},
            **self._roster(),
        }

    def add_refusal(self, refusal: DomainError) -> None:
        """A tool's place in the whole list is its line in the field."""
        if found := re.match(r"tools\.(\d+)\.?(\S*): (.*)", refusal.message, re.DOTALL):
            servers, toolsets = self.cleaned_data["mcp_servers"]
            place = int(found[1]) - len(self._toolset())
            if 0 <= place < len(toolsets):
                self.add_error("mcp_servers", f"{servers[place]['name']}: {found[3]}")
                return
            place -= len(toolsets)
            if 0 <= place < len(self.lines_of_tools):
                member = f"{found[2]}: " if found[2] else ""
                self.add_error("custom_tools", f"Line {self.lines_of_tools[place]}: {member}{found[3]}")
                return
        super().add_refusal(refusal)

    def _toolset(self) -> list[dict[str, Any]]:
        """The built-in tools: as they were when nobody touched them, else listed one by one."""
        wanted = {name: self.cleaned_data[f"tool_{name}"] for name in BUILT_IN_TOOLS}
        before = toolset_of(self.before)
        if before and wanted == switches(self.before):
            return [before]
        if set(wanted.values()) == {OFF}:
            return []
        settings = {config["name"]: config for config in before["configs"]} if before else {}
        configs = [
            {**settings.get(name, {}), "name": name, **_config(switch)}
            for name, switch in wanted.items()
            if switch != "allow" or name in settings
        ]
        return [{"type": TOOLSET, "configs": configs}]

    def _skills(self) -> list[dict[str, Any]]:
        before = {skill["skill_id"]: skill for skill in self.before["skills"]} if self.before else {}
        chosen = self.cleaned_data["skills"]
        return [before.get(skill_id, {"type": "custom", "skill_id": skill_id}) for skill_id in chosen]

    def _roster(self) -> dict[str, Any]:
        """Only when the ticks changed: everything else that a roster can say is kept as it is."""
        before = self.before["multiagent"] if self.before else None
        pinned = dict(pins(before))
        chosen = self.cleaned_data["roster"]
        if set(chosen) == set(pinned):
            return {}
        entries: list[Any] = [
            {"type": "agent", "id": pk, "version": pinned[pk]} if pk in pinned else pk for pk in chosen
        ]
        if before and before["type"] == COORDINATOR:
            kept = [*entries, *(entry for entry in before["agents"] if entry["type"] != "agent")]
            return {"multiagent": {"type": COORDINATOR, "agents": kept} if kept else None}
        group = before["subagents"] if before else {}
        entries += [entry for entry in group.get("predefined_agents") or [] if entry == SELF]
        inline = group.get("inline_agents") or DISABLED
        on = {"type": "enabled", "inline_agents": inline, "predefined_agents": entries}
        subagents = on if entries or inline != DISABLED else DISABLED
        rest = {} if before else {"workflows": DISABLED}
        return {"multiagent": {"type": MEMBERWISE, "subagents": subagents, **rest}}


def _config(switch: str) -> dict[str, Any]:
    policy = {} if switch == OFF else {"permission_policy": {"type": POLICIES[switch]}}
    return {"enabled": switch != OFF, **policy}


def _initial(before: Definition | None, version: int | None) -> dict[str, Any]:
    if before is None:
        return {}
    custom = [tool for tool in before["tools"] if tool["type"] == "custom"]
    return {
        **{name: before[name] for name in ("name", "description", "system")},
        "model": before["model"]["id"],
        "effort": before["model"]["effort"]["type"],
        "speed": before["model"]["speed"],
        "inference_geo": before["model"]["inference_geo"],
        "custom_tools": _pretty(custom) if custom else "",
        "mcp_servers": server_lines(before),
        "skills": [skill["skill_id"] for skill in before["skills"]],
        "roster": [agent_id for agent_id, _ in pins(before["multiagent"])],
        "metadata": pair_lines(before["metadata"]),
        "version": version,
    }


def _pretty(tools: list[dict[str, Any]]) -> str:
    shown = [{name: value for name, value in tool.items() if name != "type"} for tool in tools]
    return json.dumps(shown, indent=2, ensure_ascii=False)
