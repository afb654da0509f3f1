"""Forms of environments and of the keys of their workers."""

import re
from typing import Any

from django import forms

from agents import limits
from agents.definitions.as_text import pair_lines, pairs_from
from agents.environment_config import MANAGERS, SELF_HOSTED
from agents.exceptions import DomainError
from agents.forms.editing import EditionForm
from agents.forms.parts import area, text_field
from agents.limits import ENVIRONMENT_KEY_NAME_MAX
from agents.models import Environment


class EnvironmentForm(EditionForm):
    """An environment as people fill it in; `before` is the stored one, None for a new one."""

    places = {"config": "allowed_hosts"}

    name = forms.CharField(label="Name", max_length=limits.ENVIRONMENT_NAME_MAX)
    description = text_field("Description", longest=limits.ENVIRONMENT_DESCRIPTION_MAX, area=area(2))
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
    allowed_hosts = text_field(
        "Allowed hosts", longest=100_000, area=area(2, "api.example.com\n*.example.org", is_code=True),
        help_text="One a line; only with a limited network.",
    )  # fmt: skip
    allow_mcp_servers = forms.BooleanField(label="And the MCP servers of the agent", required=False)
    allow_package_managers = forms.BooleanField(label="And the registries of package managers", required=False)
    packages = text_field(
        "Packages", longest=100_000, area=area(2, "pip: pandas==2.2 rich\nnpm: typescript", is_code=True),
        help_text=f"One manager a line: {', '.join(MANAGERS)}.",
    )  # fmt: skip
    metadata = text_field("Metadata", longest=20_000, area=area(2, "team = support", is_code=True))

    def __init__(self, data: Any = None, *, before: Any = None) -> None:
        super().__init__(data, initial=self.showing(before) if before else {})
        self.before = before
        if before:
            self.fields["type"].disabled = True

    @classmethod
    def shown(cls, row: Environment) -> dict[str, Any]:
        networking = row.config.get("networking") or {"type": "unrestricted"}
        listed = row.config.get("packages", {})
        packages = {manager: " ".join(names) for manager in MANAGERS if (names := listed.get(manager))}
        return {
            "name": row.name,
            "description": row.description,
            "type": row.config["type"],
            "networking": networking["type"],
            "allowed_hosts": "\n".join(networking.get("allowed_hosts") or []),
            "allow_mcp_servers": networking.get("allow_mcp_servers"),
            "allow_package_managers": networking.get("allow_package_managers"),
            "packages": pair_lines(packages, ": "),
            "metadata": pair_lines(row.metadata),
        }

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

    def add_refusal(self, refusal: DomainError) -> None:
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


class EnvironmentKeyForm(forms.Form):
    """Which worker a new key is for."""

    key_name = forms.CharField(
        label="Which worker it is for",
        max_length=ENVIRONMENT_KEY_NAME_MAX,
        widget=forms.TextInput(attrs={"placeholder": "build machine"}),
    )
    may_confirm = forms.BooleanField(
        label="It may allow and deny tool calls that ask",
        required=False,
        help_text="Only where the agent's commands cannot read the key: whoever has it allows what an agent asks for.",
    )
