"""Forms of the pages that make and change agents and environments, and start sessions of them."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from anthropic.types.beta.beta_managed_agents_model import BetaManagedAgentsModel
from django import forms

from agents import limits
from agents.definitions.as_text import (
    OFF,
    POLICIES,
    BadLine,
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
from agents.environment_config import MANAGERS, SELF_HOSTED
from agents.exceptions import InvalidRequest
from agents.models import Environment
from agents.services.environments import edition_of
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
NEW_ENVIRONMENT = "new"
FIRST_WORDS_MAX = 80  # of the first message, as the title of a session that was given none


def _area(rows: int, placeholder: str = "", *, is_code: bool = False) -> forms.Textarea:
    attributes: dict[str, Any] = {"rows": rows, "placeholder": placeholder, "spellcheck": "false"}
    return forms.Textarea(attrs={**attributes, **({"class": "code"} if is_code else {})})


def _text(label: str, *, longest: int, area: forms.Textarea, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=longest, widget=area, help_text=help_text, strip=False
    )


class RefusableForm(forms.Form):
    """A form whose rules are the service's own: a refusal that names a member goes to the field of that name."""

    # Where a member of the wire stands on the page, when not in a field of its own name.
    places: Mapping[str, str] = {}

    def add_refusal(self, refusal: InvalidRequest) -> None:
        """Put the service's refusal where the person who typed it looks for it."""
        path, found, words = refusal.message.partition(": ")
        member, _, below = path.partition(".")
        name = self.places.get(member, member)
        if path in self.places:
            name, below = self.places[path], ""
        if found and name in self.fields and " " not in path:
            self.add_error(name, f"{below}: {words}" if below else words[:1].upper() + words[1:])
        else:
            self.add_error(None, refusal.message)

    def _lines(self, name: str, parse: Any) -> Any:
        try:
            return parse(self.cleaned_data[name])
        except BadLine as bad:
            raise forms.ValidationError(str(bad))


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
    description = _text("Description", longest=limits.AGENT_DESCRIPTION_MAX, area=_area(2))
    system = _text(
        "System prompt",
        longest=limits.AGENT_SYSTEM_MAX,
        area=_area(8, "Who the agent is and how it works"),
    )
    custom_tools = _text(
        "Custom tools",
        longest=1_000_000,
        area=_area(4, '[{"name": …, "description": …, "input_schema": {"type": "object"}}]', is_code=True),
        help_text="A JSON list. Your own program answers their calls.",
    )
    mcp_servers = _text(
        "MCP servers",
        longest=100_000,
        area=_area(2, "tickets https://mcp.example.com/mcp ask", is_code=True),
        help_text="One a line: name, address, and allow, ask, auto or off for its tools.",
    )
    skills = forms.MultipleChoiceField(label="Skills", required=False, widget=forms.CheckboxSelectMultiple)
    roster = forms.MultipleChoiceField(label="May call in", required=False, widget=forms.CheckboxSelectMultiple)
    metadata = _text(
        "Metadata", longest=20_000, area=_area(2, "team = support", is_code=True), help_text="One a line: key = value."
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Any = None,
        *,
        before: Definition | None = None,
        version: int | None = None,
        skills: Iterable[tuple[str, str]] = (),
        agents: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(data, initial=_initial(before, version))
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
        offered = list(choices)
        known = {value for value, _ in offered}
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [*offered, *((value, value) for value in dict.fromkeys(chosen) if value not in known)]

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

    def add_refusal(self, refusal: InvalidRequest) -> None:
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


class StartForm(forms.Form):
    """The first message of a session, where it runs, and what it is given."""

    environment = forms.ChoiceField(label="Environment")
    title = forms.CharField(label="Title", required=False, max_length=limits.SESSION_TITLE_MAX)
    text = forms.CharField(
        label="First message",
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 5, "placeholder": "What should the agent do?"}),
        error_messages={"required": "Write a message first."},
    )
    uploads = forms.MultipleChoiceField(label="Files to read", required=False, widget=forms.CheckboxSelectMultiple)
    vaults = forms.MultipleChoiceField(label="Vaults it may use", required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(
        self,
        data: Any = None,
        *,
        environments: Sequence[tuple[str, str]],
        uploads: Sequence[tuple[str, str]] = (),
        vaults: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(data)
        environments = environments or [(NEW_ENVIRONMENT, "A new one, named default")]
        for name, choices in (("environment", environments), ("uploads", uploads), ("vaults", vaults)):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = list(choices)

    def body(self, agent_id: str, environment_id: str) -> dict[str, Any]:
        """The wire's members of a session that starts at once."""
        said = self.cleaned_data
        message = {"type": "user.message", "content": [{"type": "text", "text": said["text"]}]}
        start = {
            "agent": agent_id,
            "environment_id": environment_id,
            "initial_events": [message],
            "resources": [{"type": "file", "file_id": file_id} for file_id in said["uploads"]],
            "vault_ids": said["vaults"],
        }
        return {**start, "title": said["title"] or said["text"].strip().splitlines()[0][:FIRST_WORDS_MAX]}


class EnvironmentForm(RefusableForm):
    """An environment as people fill it in; `before` is the stored one, None for a new one."""

    places = {"config": "allowed_hosts"}

    name = forms.CharField(label="Name", max_length=limits.ENVIRONMENT_NAME_MAX)
    description = _text("Description", longest=limits.ENVIRONMENT_DESCRIPTION_MAX, area=_area(2))
    type = forms.ChoiceField(
        label="Where tools run",
        choices=[("cloud", "On this installation"), (SELF_HOSTED, "On workers of your own")],
        initial="cloud",
    )
    networking = forms.ChoiceField(
        label="Network",
        choices=[("unrestricted", "unrestricted"), ("limited", "limited to the hosts below")],
        initial="unrestricted",
    )
    allowed_hosts = _text(
        "Allowed hosts", longest=100_000, area=_area(2, "api.example.com\n*.example.org", is_code=True),
        help_text="One a line; only with a limited network.",
    )  # fmt: skip
    allow_mcp_servers = forms.BooleanField(label="And the MCP servers of the agent", required=False)
    allow_package_managers = forms.BooleanField(label="And the registries of package managers", required=False)
    packages = _text(
        "Packages", longest=100_000, area=_area(2, "pip: pandas==2.2 rich\nnpm: typescript", is_code=True),
        help_text=f"One manager a line: {', '.join(MANAGERS)}.",
    )  # fmt: skip
    metadata = _text("Metadata", longest=20_000, area=_area(2, "team = support", is_code=True))
    edition = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, before: Any = None) -> None:
        super().__init__(data, initial=_environment_initial(before) if before else {})
        self.before = before
        if before:
            self.fields["type"].disabled = True

    def over(self, theirs: Environment) -> list[tuple[str, str, str]]:
        """What somebody else saved meanwhile, and lay this form over it: saving once more replaces theirs. Each field
        that differs, with their value and the one typed here."""
        saved = _environment_initial(theirs)
        self.data = {**{name: self.data.get(name) for name in self.data}, "edition": saved.pop("edition")}
        pairs = {name: (_in_words(saved[name]), _in_words(self[name].value())) for name in saved}
        return [(str(self.fields[name].label), *pair) for name, pair in pairs.items() if pair[0] != pair[1]]

    def clean_packages(self) -> dict[str, list[str]]:
        listed = self._lines("packages", lambda text: pairs_from(text, ":"))
        if unknown := next((manager for manager in listed if manager not in MANAGERS), None):
            raise forms.ValidationError(f"{unknown!r} is none of {', '.join(MANAGERS)}.")
        return {manager: listed.get(manager, "").split() for manager in MANAGERS}

    def clean_metadata(self) -> Any:
        return self._lines("metadata", pairs_from)

    def body(self) -> dict[str, Any]:
        """The members of a create or an update, as the wire has them."""
        said = self.cleaned_data
        gone = dict.fromkeys(set(self.before.metadata) - set(said["metadata"])) if self.before else {}
        return {
            "name": said["name"],
            "description": said["description"].replace("\r\n", "\n") or None,
            "config": self._config(),
            "metadata": {**said["metadata"], **gone},
        }

    def add_refusal(self, refusal: InvalidRequest) -> None:
        if found := re.match(r"config\.packages\S*: (.*)", refusal.message, re.DOTALL):
            self.add_error("packages", found[1])
        elif found := re.match(r"config\.networking\S*: (.*)", refusal.message, re.DOTALL):
            self.add_error("allowed_hosts", found[1])
        else:
            super().add_refusal(refusal)

    def _config(self) -> dict[str, Any]:
        said = self.cleaned_data
        if said["type"] == SELF_HOSTED:
            return {"type": SELF_HOSTED}
        networking: dict[str, Any] = {"type": said["networking"]}
        if said["networking"] == "limited":
            networking["allowed_hosts"] = said["allowed_hosts"].split()
            networking |= {name: said[name] for name in ("allow_mcp_servers", "allow_package_managers")}
        return {"type": "cloud", "networking": networking, "packages": said["packages"]}


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


def _environment_initial(environment: Any) -> dict[str, Any]:
    config = environment.config
    networking = config.get("networking") or {"type": "unrestricted"}
    packages = {manager: " ".join(names) for manager in MANAGERS if (names := config.get("packages", {}).get(manager))}
    return {
        "name": environment.name,
        "description": environment.description,
        "type": config["type"],
        "networking": networking["type"],
        "allowed_hosts": "\n".join(networking.get("allowed_hosts") or []),
        "allow_mcp_servers": networking.get("allow_mcp_servers"),
        "allow_package_managers": networking.get("allow_package_managers"),
        "packages": pair_lines(packages, ": "),
        "metadata": pair_lines(environment.metadata),
        "edition": edition_of(environment),
    }


def _in_words(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "yes" if value else "no"
    return str(value).replace("\r\n", "\n").strip() or "nothing"
