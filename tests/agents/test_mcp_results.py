"""What MCP servers say, as the model is shown it: names, and the content of results."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import limits
from agents.runtime.tools.mcp_definitions import BadDefinition, checked_schema, model_name
from agents.runtime.tools.mcp_results import blocks_of

NAMES = st.text(min_size=1, max_size=20) | st.text("ab_-", min_size=1, max_size=6)


def text_of(*content, **more):
    (block,) = blocks_of({"content": list(content), **more})
    return block["text"]


@given(NAMES, NAMES, NAMES, NAMES)
def test_two_tools_never_have_one_name(server, tool, other_server, other_tool):
    one, other = model_name(server, tool), model_name(other_server, other_tool)
    assert re.fullmatch(r"mcp__[A-Za-z0-9_-]{1,123}", one)
    assert (one == other) == ((server, tool) == (other_server, other_tool))


def test_a_resource_is_its_text_and_where_it_lies():
    resource = {"uri": "file:///notes.md", "text": "remember"}
    assert text_of({"type": "resource", "resource": resource}) == "file:///notes.md\nremember"


def test_a_link_is_named():
    link = {"type": "resource_link", "name": "notes", "uri": "file:///notes.md"}
    assert text_of(link) == "Resource: notes, file:///notes.md"


def test_a_pdf_is_a_document():
    blob = base64.b64encode(b"%PDF-1.7").decode()
    resource = {"uri": "file:///a.pdf", "mimeType": "application/pdf", "blob": blob}
    (block,) = blocks_of({"content": [{"type": "resource", "resource": resource}]})
    source = {"type": "base64", "media_type": "application/pdf", "data": blob}
    assert block == {"type": "document", "source": source}


@pytest.mark.parametrize(
    "item",
    [
        {"type": "audio", "mimeType": "audio/wav", "data": "AAAA"},
        {"type": "image", "mimeType": "image/tiff", "data": "AAAA"},
        {"type": "image", "mimeType": "image/png", "data": "not base64!"},
        {"type": "image", "mimeType": "image/png", "data": ""},
        {"type": "hologram"},
    ],
)
def test_what_no_model_can_read_is_said(item):
    assert "left out" in text_of(item)


def test_structured_content_stands_in_for_none():
    assert text_of(structuredContent={"a": 1}) == '{"a": 1}'


def test_an_empty_answer_and_a_blank_one_are_not_empty():
    assert text_of() == text_of({"type": "text", "text": " \n"}) == "(no content)"


def test_text_that_cannot_be_stored_is_replaced():
    assert text_of({"type": "text", "text": "a\x00b"}) == "a\ufffdb"


def test_many_blocks_are_cut():
    blocks = blocks_of({"content": [{"type": "text", "text": "x"}] * 150})
    assert len(blocks) == limits.MCP_RESULT_BLOCKS_MAX + 1
    assert blocks[-1]["text"] == "[50 more blocks were left out.]"


def test_a_schema_without_an_end_is_refused():
    schema = {"type": "object"}
    for _ in range(100):
        schema = {"type": "object", "properties": {"a": schema}}
    with pytest.raises(BadDefinition, match="too deep"):
        checked_schema(schema)
