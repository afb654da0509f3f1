"""An agent's definition, resolved."""

import pytest

from agents.definitions import resolve
from agents.exceptions import InvalidRequest

MINIMAL = {"name": "Ann", "model": "claude-opus-5-5"}
TOOLSET = "agent_toolset_20260401"
ALLOW = {"type": "always_allow"}


def custom(**changes):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}
    return {
        "type": "custom",
        "name": "get_weather",
        "description": "Says the weather.",
        "input_schema": schema,
    } | changes


def test_everything_left_out_gets_its_default():
    assert resolve(MINIMAL) == {
        "name": "Ann",
        "description": None,
        "model": {"id": "claude-opus-5-5", "effort": {"type": "high"}, "speed": "standard", "inference_geo": None},
        "system": None,
        "tools": [],
        "mcp_servers": [],
        "skills": [],
        "multiagent": None,
        "execution_identity": {"type": "service_account"},
        "metadata": {},
    }


def test_a_toolset_lists_the_tools_that_differ_resolved():
    tools = [{"type": TOOLSET, "default_config": {"enabled": False}, "configs": [{"name": "bash", "enabled": True}]}]
    assert resolve({**MINIMAL, "tools": tools})["tools"] == [
        {
            "type": TOOLSET,
            "default_config": {"enabled": False, "permission_policy": ALLOW},
            "configs": [{"name": "bash", "type": "bash", "enabled": True, "permission_policy": ALLOW}],
        }
    ]


def test_a_custom_tool_keeps_its_schema_word_for_word():
    assert resolve({**MINIMAL, "tools": [custom()]})["tools"] == [custom()]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"model": {"id": "m", "inference_geo": "x" * 65}}, "model.inference_geo"),
        ({"name": "x" * 257}, "name"),
        ({"system": "x" * 100_001}, "system"),
        ({"description": "x" * 2_049}, "description"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"tools": [{"type": TOOLSET}, {"type": TOOLSET}]}, "tools.1"),
        ({"tools": [custom(), custom()]}, "tools.1"),
        ({"tools": [custom(name="bash")]}, "tools.0.name"),
        ({"tools": [custom(name="mcp__x")]}, "tools.0.name"),
        ({"tools": [custom(name="a b")]}, "tools.0.name"),
        ({"tools": [custom(description=" ")]}, "tools.0.description"),
        ({"tools": [custom(input_schema={"type": "object", "anyOf": []})]}, "tools.0.input_schema"),
        ({"tools": [custom(input_schema={"type": "object", "x": [{"$ref": "#"}]})]}, "tools.0.input_schema"),
        ({"tools": [custom(input_schema={"type": "object", "properties": {"a b": {}}})]}, "tools.0.input_schema.prop"),
        ({"tools": [custom(name=f"t{n}") for n in range(257)]}, "tools"),
        ({"tools": [{"type": TOOLSET, "configs": [{"name": "bash"}, {"name": "bash"}]}]}, "tools.0.configs.1"),
        ({"tools": [{"type": TOOLSET, "configs": [{"name": "sing"}]}]}, "tools.0.configs.0.name"),
        ({"mcp_servers": [{"type": "url", "name": "x", "url": "https://x"}]}, "mcp_servers"),
        ({"skills": [{"type": "anthropic", "skill_id": "xlsx"}]}, "skills"),
        ({"execution_identity": {"type": "aws_role", "role_arn": "x"}}, "execution_identity.type"),
    ],
)
def test_a_bad_member_is_named(body, field):
    with pytest.raises(InvalidRequest) as refusal:
        resolve({**MINIMAL, **body})
    assert refusal.value.message.startswith(field)


def test_an_update_keeps_what_it_leaves_out_and_clears_what_it_empties():
    before = resolve({**MINIMAL, "description": "d", "system": "s", "tools": [custom()], "metadata": {"a": "1"}})
    after = resolve({"description": "", "system": None, "metadata": {"b": "2"}}, before)
    assert (after["description"], after["system"], after["tools"]) == (None, None, [custom()])
    assert after["metadata"] == {"a": "1", "b": "2"}
    assert resolve({"tools": None}, before)["tools"] == []


def test_effort_stays_with_the_model_and_nothing_else_does():
    before = resolve({"name": "Ann", "model": {"id": "m", "effort": "low", "speed": "fast", "inference_geo": "eu"}})
    same = resolve({"model": "m"}, before)["model"]
    other = resolve({"model": "n"}, before)["model"]
    assert same == {"id": "m", "effort": {"type": "low"}, "speed": "standard", "inference_geo": None}
    assert other["effort"] == {"type": "high"}


def test_an_update_without_a_difference_resolves_to_the_same_definition():
    before = resolve({**MINIMAL, "tools": [{"type": TOOLSET}]})
    assert resolve({"name": "Ann", "tools": [{"type": TOOLSET}], "metadata": {}}, before) == before


WEB = {"enabled": True, "permission_policy": ALLOW, "allowed_domains": None, "blocked_domains": None}
SERVER = {"type": "url", "name": "tickets", "url": "https://mcp.example.com/mcp"}
MCP_TOOLSET = {"type": "mcp_toolset", "mcp_server_name": "tickets"}


def web(name="web_fetch", **settings):
    return {"tools": [{"type": TOOLSET, "configs": [{"name": name, **settings}]}]}


def settings_of(definition):
    return definition["tools"][0]["configs"][0]


def test_what_a_web_tool_may_be_told_is_null_where_it_is_not():
    fetch = settings_of(resolve({**MINIMAL, **web()}))
    assert fetch == {**WEB, "name": "web_fetch", "type": "web_fetch", "max_content_tokens": None, "url_sources": None}
    search = settings_of(resolve({**MINIMAL, **web("web_search")}))
    assert search == {**WEB, "name": "web_search", "type": "web_search", "user_location": None}


def test_sources_and_places_are_shown_in_full():
    wanted = sources(user_input="none", server_tool_results=only("web_search"))
    assert settings_of(resolve({**MINIMAL, **web(**wanted)}))["url_sources"] == {
        "client_tool_results": None,
        "server_tool_results": only("web_search"),
        "user_input": {"type": "none"},
    }
    search = settings_of(
        resolve({**MINIMAL, **web("web_search", user_location={"type": "approximate", "city": "Bonn"})})
    )
    assert search["user_location"] == {
        "type": "approximate", "city": "Bonn", "country": None, "region": None, "timezone": None
    }  # fmt: skip


@pytest.mark.parametrize("domain", ["docs.example.com", "xn--mnchen-3ya.de", "a-b.co.uk", "EXAMPLE.com"])
def test_a_plain_host_name_is_a_domain(domain):
    assert settings_of(resolve({**MINIMAL, **web(blocked_domains=[domain])}))["blocked_domains"] == [domain]


def test_only_a_search_may_name_a_path():
    assert settings_of(resolve({**MINIMAL, **web("web_search", allowed_domains=["example.com/docs"])}))


@pytest.mark.parametrize(
    "domain",
    [
        "https://example.com",
        "example.com:443",
        "*.example.com",
        "127.0.0.1",
        "1.2.3",
        "::1",
        "localhost",
        "api.localhost",
        "printer.local",
        "com",
        "example.com/docs",
        "example..com",
        "-a.com",
        "münchen.de",
        "example.com.",
        "",
        " example.com",
        "x" * 64 + ".com",
        ".".join(["abcdefgh"] * 30) + ".com",
    ],
)
def test_anything_else_is_no_domain(domain):
    with pytest.raises(InvalidRequest, match=r"tools\.0\.configs\.0\.allowed_domains\.0: "):
        resolve({**MINIMAL, **web(allowed_domains=[domain])})


def sources(**members):
    return {"url_sources": members}


def only(*names):
    return {"type": "only", "tools": [{"type": "tool_reference", "name": name} for name in names]}


ALL_NONE = sources(client_tool_results="none", server_tool_results={"type": "none"}, user_input="none")


@pytest.mark.parametrize(
    ("name", "settings", "field"),
    [
        ("web_fetch", {"allowed_domains": ["a.io"], "blocked_domains": ["b.io"]}, ""),
        ("web_fetch", {"allowed_domains": []}, ".allowed_domains"),
        ("web_fetch", {"blocked_domains": [f"a{n}.io" for n in range(65)]}, ".blocked_domains"),
        ("web_fetch", {"allowed_domains": ["a.io", "A.io"]}, ".allowed_domains.1"),
        ("web_fetch", {"max_content_tokens": 0}, ".max_content_tokens"),
        ("web_fetch", ALL_NONE, ".url_sources"),
        ("web_fetch", sources(client_tool_results=only()), ".url_sources.client_tool_results.tools"),
        ("web_fetch", sources(client_tool_results=only("x")), ".url_sources.client_tool_results"),
        ("web_fetch", sources(server_tool_results=only("bash")), ".url_sources.server_tool_results"),
        ("web_fetch", sources(server_tool_results=only(*["web_fetch"] * 2)), ".url_sources.server_tool_results.tools"),
        ("web_search", {"user_location": {"type": "approximate", "country": "de"}}, ".user_location.country"),
        ("web_search", {"user_location": {"type": "approximate", "timezone": "Moon/Base"}}, ".user_location.timezone"),
        ("web_search", {"allowed_domains": ["a.io/ b"]}, ".allowed_domains.0"),
    ],
)
def test_a_bad_web_setting_is_named(name, settings, field):
    with pytest.raises(InvalidRequest) as refusal:
        resolve({**MINIMAL, **web(name, **settings)})
    assert refusal.value.message.startswith(f"tools.0.configs.0{field}: ")


def test_a_source_may_name_a_custom_tool_of_the_agent():
    tools = [*web(**sources(client_tool_results=only("get_weather")))["tools"], custom()]
    assert resolve({**MINIMAL, "tools": tools})


def test_the_tools_of_a_server_ask_unless_told_otherwise():
    configs = [{"name": "read_ticket", "permission_policy": ALLOW}, {"name": "close_ticket", "enabled": False}]
    resolved = resolve({**MINIMAL, "mcp_servers": [SERVER], "tools": [{**MCP_TOOLSET, "configs": configs}]})
    assert resolved["mcp_servers"] == [SERVER]
    assert resolved["tools"] == [
        {
            **MCP_TOOLSET,
            "default_config": {"enabled": True, "permission_policy": {"type": "always_ask"}},
            "configs": [
                {"name": "read_ticket", "enabled": True, "permission_policy": ALLOW},
                {"name": "close_ticket", "enabled": False, "permission_policy": {"type": "always_ask"}},
            ],
        }
    ]


@pytest.mark.parametrize(
    ("servers", "tools", "field"),
    [
        ([SERVER], [], "mcp_servers.0"),
        ([], [MCP_TOOLSET], "tools.0.mcp_server_name"),
        ([SERVER, SERVER], [MCP_TOOLSET], "mcp_servers.1.name"),
        ([{**SERVER, "name": ""}], [MCP_TOOLSET], "mcp_servers.0.name"),
        ([{**SERVER, "name": "x" * 256}], [MCP_TOOLSET], "mcp_servers.0.name"),
        ([{**SERVER, "name": str(n)} for n in range(21)], [MCP_TOOLSET], "mcp_servers"),
        ([{**SERVER, "url": "ftp://x.io"}], [MCP_TOOLSET], "mcp_servers.0.url"),
        ([{**SERVER, "url": "https://"}], [MCP_TOOLSET], "mcp_servers.0.url"),
        ([{**SERVER, "url": "https://x.io:99999"}], [MCP_TOOLSET], "mcp_servers.0.url"),
        ([{**SERVER, "url": "https://x.io/a b"}], [MCP_TOOLSET], "mcp_servers.0.url"),
        ([{**SERVER, "url": "https://x.io/" + "a" * 2_048}], [MCP_TOOLSET], "mcp_servers.0.url"),
        ([SERVER], [MCP_TOOLSET, MCP_TOOLSET], "tools.1"),
        ([SERVER], [{**MCP_TOOLSET, "configs": [{"name": "a"}, {"name": "a"}]}], "tools.0.configs.1.name"),
        ([SERVER], [{**MCP_TOOLSET, "configs": [{"name": "a" * 129}]}], "tools.0.configs.0.name"),
        ([SERVER], [{**MCP_TOOLSET, "configs": [{"name": f"a{n}"} for n in range(257)]}], "tools"),
    ],
)
def test_servers_and_their_toolsets_belong_together(servers, tools, field):
    with pytest.raises(InvalidRequest) as refusal:
        resolve({**MINIMAL, "mcp_servers": servers, "tools": tools})
    assert refusal.value.message.startswith(f"{field}: ")


def test_an_update_is_judged_by_what_it_results_in():
    before = resolve({**MINIMAL, "mcp_servers": [SERVER], "tools": [MCP_TOOLSET]})
    with pytest.raises(InvalidRequest, match=r"tools\.0\.mcp_server_name"):
        resolve({"mcp_servers": None}, before)
    with pytest.raises(InvalidRequest, match=r"mcp_servers\.0: "):
        resolve({"tools": []}, before)
    assert resolve({"tools": [], "mcp_servers": []}, before)["mcp_servers"] == []
