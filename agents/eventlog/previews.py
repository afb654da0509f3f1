"""PURE: which previews of events one connection may see, so that what it is shown of a text is always its beginning."""

from collections.abc import Collection
from typing import Any


class Previews:
    """Follows one thread's frames in their order. A preview goes only to who asked for it and was there when the model
    request began, from its start on and without a hole, and never after the event that it previews."""

    def __init__(self, wanted: Collection[str]) -> None:
        self._wanted = frozenset(wanted)
        self._request = ""  # the one that is open
        self._last_parts: dict[str, int] = {}  # by the id of the event that is previewed

    def lets_through(self, event: dict[str, Any], *, request_id: str = "", part: int = 0) -> bool:
        match event["type"]:
            case "event_start":
                return self._begins(event["event"], request_id)
            case "event_delta":
                return self._continues(event["event_id"], part)
            case "span.model_request_start":
                self._request = event["id"]
            case "span.model_request_end":
                self._request = ""
                self._last_parts.clear()
            case _:
                self._last_parts.pop(event["id"], None)
        return True

    def _begins(self, previewed: dict[str, Any], request_id: str) -> bool:
        if previewed["type"] not in self._wanted or not request_id or request_id != self._request:
            return False
        self._last_parts[previewed["id"]] = 0
        return True

    def _continues(self, event_id: str, part: int) -> bool:
        if self._last_parts.get(event_id) != part - 1:
            self._last_parts.pop(event_id, None)
            return False
        self._last_parts[event_id] = part
        return True
