"""Dreams on the wire; reviews and proposals beside it."""

from collections import Counter
from typing import Any

from anthropic.types.beta import DreamCreateParams
from ninja import Router
from typing_extensions import TypedDict

from agents.api import queries
from agents.api.auth import ApiRequest
from agents.api.bodies import Body
from agents.api.openapi import asks, takes
from agents.api.pagination import page_of
from agents.exceptions import InvalidRequest
from dreams import reviewing, services
from dreams.access import access_dream, access_proposal, access_review
from dreams.models import Dream, DreamStatus, Lane, Proposal, ProposalStatus, Review
from dreams.shapes import dream_shape, proposal_shape, review_shape


class DecisionParams(TypedDict, total=False):
    """What an approval binds to; `text` makes it an edit."""

    revision: int
    base_sha256: str
    text: str


class RejectionParams(TypedDict, total=False):
    reason: str
    reason_code: str
    revision: int


class UndoParams(TypedDict, total=False):
    reason: str
    overwrite: bool


dreams_router = Router(tags=["dreams"])
reviews_router = Router(tags=["reviews"])
proposals_router = Router(tags=["reviews"])
create_body = Body(DreamCreateParams)
approve_body = Body(DecisionParams)
reject_body = Body(RejectionParams)
undo_body = Body(UndoParams)


@dreams_router.post("", openapi_extra=takes(create_body))
def create_dream(request: ApiRequest) -> dict[str, Any]:
    body = create_body(request)
    store_id, session_ids = _inputs(body["inputs"])
    output = body.get("output_behavior") or {"type": "create_new"}
    dream = services.create_dream(
        actor=request.auth,
        store_id=store_id,
        session_ids=session_ids,
        model=body["model"],
        instructions=body.get("instructions"),
        output_behavior=output["type"],
        output_store_id=output.get("memory_store_id"),
    )
    return dream_shape(dream)


def _inputs(entries: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """Exactly one memory store and exactly one list of sessions."""
    stores = [entry["memory_store_id"] for entry in entries if entry["type"] == "memory_store"]
    sessions = [entry["session_ids"] for entry in entries if entry["type"] == "sessions"]
    if len(stores) != 1 or len(sessions) != 1:
        raise InvalidRequest("inputs: exactly one memory_store entry and one sessions entry are needed.")
    return stores[0], list(sessions[0])


@dreams_router.get(
    "",
    openapi_extra=asks(
        "limit",
        "page",
        "include_archived",
        "statuses[]",
        "created_at[gt]",
        "created_at[lt]",
        statuses=DreamStatus.values,
    ),
)
def list_dreams(request: ApiRequest) -> dict[str, Any]:
    rows = Dream.objects.in_workspace(request.auth.workspace)
    if not queries.flag(request, "include_archived"):
        rows = rows.live()
    if statuses := queries.many(request, "statuses", DreamStatus.values):
        rows = rows.filter(status__in=statuses)
    created_at = queries.bounds(request, "created_at", ("gt", "lt"))
    return page_of(request, rows, dream_shape, listing="dreams", created_at=created_at)


@dreams_router.get("/{dream_id}")
def get_dream(request: ApiRequest, dream_id: str) -> dict[str, Any]:
    return dream_shape(access_dream(request.auth, dream_id))


@dreams_router.post("/{dream_id}/cancel")
def cancel_dream(request: ApiRequest, dream_id: str) -> dict[str, Any]:
    return dream_shape(services.cancel_dream(access_dream(request.auth, dream_id), actor=request.auth))


@dreams_router.post("/{dream_id}/archive")
def archive_dream(request: ApiRequest, dream_id: str) -> dict[str, Any]:
    return dream_shape(services.archive_dream(access_dream(request.auth, dream_id), actor=request.auth))


@reviews_router.get("", openapi_extra=asks("limit", "page"))
def list_reviews(request: ApiRequest) -> dict[str, Any]:
    rows = Review.objects.in_workspace(request.auth.workspace)
    page = page_of(request, rows, lambda review: review, listing="reviews")
    return {**page, "data": _with_counts(page["data"])}


@reviews_router.get("/{review_id}")
def get_review(request: ApiRequest, review_id: str) -> dict[str, Any]:
    return _with_counts([access_review(request.auth, review_id)])[0]


def _with_counts(reviews: list[Review]) -> list[dict[str, Any]]:
    rows = Proposal.objects.filter(review__in=reviews).values_list("review_id", "status")
    counts = {review.pk: Counter(status for pk, status in rows if pk == review.pk) for review in reviews}
    return [review_shape(review, dict(sorted(counts[review.pk].items()))) for review in reviews]


@proposals_router.get(
    "",
    openapi_extra=asks(
        "limit",
        "page",
        "statuses[]",
        "lanes[]",
        "review_id",
        "memory_store_id",
        "dream_id",
        statuses=ProposalStatus.values,
        lanes=Lane.values,
    ),
)
def list_proposals(request: ApiRequest) -> dict[str, Any]:
    rows = Proposal.objects.in_workspace(request.auth.workspace)
    if statuses := queries.many(request, "statuses", ProposalStatus.values):
        rows = rows.filter(status__in=statuses)
    if lanes := queries.many(request, "lanes", Lane.values):
        rows = rows.filter(lane__in=lanes)
    for name, column in (("review_id", "review"), ("memory_store_id", "store"), ("dream_id", "review__dream")):
        if value := queries.text(request, name):
            rows = rows.filter(**{column: value})
    return page_of(request, rows, proposal_shape, listing="proposals")


@proposals_router.get("/{proposal_id}")
def get_proposal(request: ApiRequest, proposal_id: str) -> dict[str, Any]:
    return _whole(access_proposal(request.auth, proposal_id))


@proposals_router.post("/{proposal_id}/approve", openapi_extra=takes(approve_body))
def approve_proposal(request: ApiRequest, proposal_id: str) -> dict[str, Any]:
    proposal = access_proposal(request.auth, proposal_id)
    body = approve_body(request)
    text = body.pop("text", None)
    if text is None:
        return _whole(reviewing.approve_proposal(proposal, actor=request.auth, **body))
    return _whole(reviewing.edit_and_approve(proposal, text, actor=request.auth, **body))


@proposals_router.post("/{proposal_id}/reject", openapi_extra=takes(reject_body))
def reject_proposal(request: ApiRequest, proposal_id: str) -> dict[str, Any]:
    proposal = access_proposal(request.auth, proposal_id)
    return _whole(reviewing.reject_proposal(proposal, actor=request.auth, **reject_body(request)))


@proposals_router.post("/{proposal_id}/undo", openapi_extra=takes(undo_body))
def undo_decision(request: ApiRequest, proposal_id: str) -> dict[str, Any]:
    proposal = access_proposal(request.auth, proposal_id)
    return _whole(reviewing.undo_decision(proposal, actor=request.auth, **undo_body(request)))


@proposals_router.post("/{proposal_id}/release", openapi_extra=takes(undo_body))
def release_proposal(request: ApiRequest, proposal_id: str) -> dict[str, Any]:
    proposal = access_proposal(request.auth, proposal_id)
    body = undo_body(request)
    return _whole(reviewing.release_proposal(proposal, actor=request.auth, reason=body.get("reason", "")))


def _whole(proposal: Proposal) -> dict[str, Any]:
    return proposal_shape(proposal, list(proposal.evidence.all()))
