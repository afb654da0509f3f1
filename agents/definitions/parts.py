"""PURE: the plain members of an agent's definition: texts, model, identity, metadata."""

from collections.abc import Mapping
from typing import Any

from agents.exceptions import InvalidRequest
from agents.limits import AGENT_NAME_MAX, INFERENCE_GEO_MAX
from agents.metadata import check_metadata, merge_metadata

type Definition = dict[str, Any]

DEFAULT_EFFORT = "high"  # what the Messages API does when a request names no effort
DEFAULT_SPEED = "standard"
SERVICE_ACCOUNT = "service_account"


def text(name: str, value: Any, longest: int, *, shortest: int = 0) -> str:
    if not isinstance(value, str) or not shortest <= len(value) <= longest:
        raise InvalidRequest(f"{name}: it must be a text of {shortest} to {longest:,} characters.")
    return value


def optional_text(body: Mapping[str, Any], before: Definition, name: str, longest: int) -> str | None:
    """Null and "" clear; left out, it stays."""
    if name not in body:
        value: str | None = before[name]
        return value
    return text(name, body[name] or "", longest) or None


def model(body: Mapping[str, Any], before: Definition) -> dict[str, Any]:
    """It is replaced as an object: only the effort stays, and only with the same id."""
    if "model" in body:
        return _model(body["model"], before["model"])
    if before["model"] is None:
        raise InvalidRequest("model: Field required")
    kept: dict[str, Any] = before["model"]
    return kept


def _model(wanted: str | Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    config = {"id": wanted} if isinstance(wanted, str) else wanted
    model_id = text("model.id" if isinstance(wanted, Mapping) else "model", config["id"], AGENT_NAME_MAX, shortest=1)
    effort = config.get("effort") or _kept_effort(model_id, before)
    geo = config.get("inference_geo")
    return {
        "id": model_id,
        "effort": {"type": effort} if isinstance(effort, str) else {"type": effort["type"]},
        "speed": config.get("speed") or DEFAULT_SPEED,
        "inference_geo": None if geo is None else text("model.inference_geo", geo, INFERENCE_GEO_MAX, shortest=1),
    }


def _kept_effort(model_id: str, before: Mapping[str, Any] | None) -> Any:
    """The effort stays with the model: another id starts at the default again."""
    return before["effort"] if before and before["id"] == model_id else DEFAULT_EFFORT


def execution_identity(body: Mapping[str, Any], before: Definition) -> dict[str, Any]:
    if "execution_identity" not in body:
        identity: dict[str, Any] = before["execution_identity"]
        return identity
    wanted = body["execution_identity"] or {"type": SERVICE_ACCOUNT}
    if wanted["type"] != SERVICE_ACCOUNT:
        raise InvalidRequest(
            f"execution_identity.type: {wanted['type']} needs a platform that can take on that role;"
            f" this installation runs agents as {SERVICE_ACCOUNT}."
        )
    return {"type": SERVICE_ACCOUNT}


def metadata(body: Mapping[str, Any], previous: Definition | None) -> dict[str, str]:
    if previous is None:
        return check_metadata(body.get("metadata"))
    return merge_metadata(previous["metadata"], body.get("metadata"))
