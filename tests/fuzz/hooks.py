"""What schemathesis does with each call before it is sent: the headers it takes, and mostly ids that exist."""

import json
import os
import random
from typing import Any

import schemathesis

IDS: dict[str, str] = json.loads(os.environ.get("LUCID_FUZZ_IDS", "{}"))
BETAS = {
    "memory_stores": "agent-memory-2026-07-22",
    "dreams": "dreaming-2026-04-21",
    "organizations": "webhooks-2026-10-07",
}
KNOWN_SHARE = 0.8
# Archived or deleted, the object would be gone for all calls after it.
ENDING = ("/archive", "/cancel")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    group = case.path.split("/")[2]
    case.headers["anthropic-beta"] = BETAS.get(group, "managed-agents-2026-04-01")
    case.headers["anthropic-version"] = "2026-10-21"
    is_ending = case.method == "DELETE" or case.path.endswith(ENDING)
    for name in case.path_parameters or {}:
        if name in IDS and not is_ending and random.random() < KNOWN_SHARE:
            case.path_parameters[name] = IDS[name]
