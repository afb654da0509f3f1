"""A session's events as lines that a test can write down, one for each event; what holds in every story is checked."""

from collections import Counter
from itertools import pairwise
from string import ascii_lowercase

IDLE = ("session.thread_status_idle", "session.usage", "session.status_idle")
RUNNING = ("session.status_running", "session.thread_status_running")
USES = ("agent.tool_use", "agent.mcp_tool_use", "agent.custom_tool_use")
ANSWERS = {
    "agent.tool_result": "tool_use_id",
    "user.tool_result": "tool_use_id",
    "user.tool_confirmation": "tool_use_id",
    "agent.mcp_tool_result": "mcp_tool_use_id",
    "user.custom_tool_result": "custom_tool_use_id",
}
COUNTERS = ("input_tokens", "output_tokens", "cache_read_input_tokens")


def lines(table):
    """The lines of a table; `running` stands for the two events that begin a turn, `idle` for the three at its end."""
    found = []
    for line in filter(None, map(str.strip, table.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "running":
            found += RUNNING
        elif word == "idle":
            found += [f"{IDLE[0]} {rest}", IDLE[1], f"{IDLE[2]} {rest}"]
        else:
            found.append(line)
    return found


class Story:
    """The events of a session's primary thread, in their order. Calls are named by letters: a is the first."""

    def __init__(self, events, *, thread_id, agent_name):
        self.events = list(events)
        self.names = dict(zip((event.id for event in self.events if event.type in USES), ascii_lowercase, strict=False))
        self._check_order()
        self._check_threads(thread_id, agent_name)
        self._check_sums()

    @property
    def lines(self):
        return [self._line(event) for event in self.events]

    def _line(self, event):
        words = [event.type, *self._words(event)]
        if getattr(event, "processed_at", None) is None:
            words.insert(0, "(q)")
        return " ".join(filter(None, words))

    def _words(self, event):
        if event.type in ANSWERS:
            return self._answer(event)
        if event.type in USES:
            return [self.names[event.id], _tool(event), *_permission(event)]
        match event.type:
            case "user.message" | "agent.message" | "system.message":
                return [_text(event.content)]
            case "span.model_request_end":
                return ["error"] if event.is_error else []
            case "session.error":
                return [event.error.type, event.error.retry_status.type]
            case "session.updated":
                return sorted(event.to_dict().keys() - {"id", "type", "processed_at"})
            case "session.status_idle" | "session.thread_status_idle":
                calls = getattr(event.stop_reason, "event_ids", None) or []
                return [event.stop_reason.type, *(self.names[call] for call in calls)]
        return []

    def _answer(self, event):
        words = [self.names[getattr(event, ANSWERS[event.type])]]
        if event.type == "user.tool_confirmation":
            return [*words, event.result, *([event.deny_message] if event.deny_message else [])]
        return [*words, *(["error"] if event.is_error else []), _text(event.content or [])]

    def _check_order(self):
        ids = [event.id for event in self.events]
        assert len(set(ids)) == len(ids)
        times = [event.processed_at for event in self.events]
        processed = [time for time in times if time]
        assert times == [*processed, *[None] * (len(times) - len(processed))], "what waits is listed last"
        assert all(one < other for one, other in pairwise(processed))

    def _check_threads(self, thread_id, agent_name):
        for event in self.events:
            if event.type.startswith("session.thread_status_"):
                assert (event.session_thread_id, event.agent_name) == (thread_id, agent_name)
            elif event.type != "user.interrupt":
                assert "session_thread_id" not in event.to_dict(), "it names children only"
            if event.type.endswith("status_idle"):
                is_refusal = event.stop_reason.type == "refusal"
                assert (event.stop_details is not None) == is_refusal

    def _check_sums(self):
        """An end names the request that is open, usage is what the requests used, every call has one result."""
        used, opened = Counter(), None
        answered = Counter(getattr(event, ANSWERS[event.type]) for event in self.events if "_result" in event.type)
        assert set(answered.values()) <= {1}
        for event in self.events:
            if event.type == "span.model_request_start":
                assert opened is None
                opened = event.id
            elif event.type == "span.model_request_end":
                assert event.model_request_start_id == opened
                opened = None
                used.update({name: getattr(event.model_usage, name) for name in COUNTERS})
            elif event.type == "session.usage":
                assert {name: getattr(event.usage, name) for name in COUNTERS} == {
                    name: used[name] for name in COUNTERS
                }


def _tool(event):
    return f"{event.mcp_server_name}/{event.name}" if event.type == "agent.mcp_tool_use" else event.name


def _permission(event):
    """Who said what: `deny` alone where no policy was asked."""
    if event.type == "agent.custom_tool_use":
        return []
    evaluation = event.evaluation.to_dict() if event.evaluation else None
    judged = (evaluation or {}).get("evaluated_permission")
    if judged:
        assert judged["type"] == event.evaluated_permission
    reason = [judged["reason_code"]] if judged and "reason_code" in judged else []
    return [event.evaluated_permission, *(["by", evaluation["type"], *reason] if evaluation else [])]


def _text(content):
    """The first line of what is said; other blocks by their type."""
    return " ".join(block.text.partition("\n")[0] if block.type == "text" else block.type for block in content)
