"""Writes answers as JSON: the compiled writer takes less than half the time of Python's own for a page of rows."""

import json
from typing import Any

from django.http import HttpRequest
from ninja.renderers import BaseRenderer
from pydantic_core import PydanticSerializationError, to_json


class Renderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        try:
            return to_json(data)
        except PydanticSerializationError:  # half a surrogate pair, which UTF-8 does not know
            return json.dumps(data).encode()
