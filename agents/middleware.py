"""What every request carries: an id, and for pages the workspace, the member and the actor."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from agents.actors import Actor
from agents.ids import new_id
from agents.models import Member

API_PREFIX = "/v1/"
WORKSPACE_KEY = "workspace_id"  # session key of the workspace that a member of several has chosen
Handler = Callable[[HttpRequest], HttpResponseBase]


class RequestIdMiddleware:
    """Outermost, so that errors of everything inside carry the id as well."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.request_id = new_id("request")  # type: ignore[attr-defined]
        response = self.get_response(request)
        response.headers.setdefault("request-id", request.request_id)  # type: ignore[attr-defined]
        return response


class MemberMiddleware:
    """`request.member`, `request.workspace` and `request.actor`, each None for a stranger; API calls bring a key."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        member = None if request.path.startswith(API_PREFIX) else find_member(request)
        request.member = member  # type: ignore[attr-defined]
        request.workspace = member.workspace if member else None  # type: ignore[attr-defined]
        request.actor = Actor.of_member(member) if member else None  # type: ignore[attr-defined]
        return self.get_response(request)


def find_member(request: HttpRequest) -> Member | None:
    """The signed-in person as a member of the workspace they chose, else of the first they joined."""
    if not request.user.is_authenticated:
        return None
    members = Member.objects.filter(user=request.user).select_related("workspace", "user").order_by("created_at", "pk")
    chosen = request.session.get(WORKSPACE_KEY)
    return (members.filter(workspace=chosen).first() if chosen else None) or members.first()
