"""What every request carries: an id, and for pages the workspace, the member and the actor."""

from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from agents.actors import Actor
from agents.browser_sessions import SessionStore
from agents.callers import tell_caller
from agents.envelope import error_body
from agents.exceptions import DomainError
from agents.ids import new_id
from agents.models import Member
from agents.services.members import note_seen

API_PREFIX = "/v1/"
WORKSPACE_KEY = "workspace_id"  # session key of the workspace that a member of several has chosen
ERROR_TYPES = {404: "not_found_error", 413: "request_too_large"}
Handler = Callable[[HttpRequest], HttpResponseBase]


class RequestIdMiddleware:
    """Outermost: the answer to every request has an id, and an API client never gets an HTML page for an error."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.request_id = request_id = new_id("request")  # type: ignore[attr-defined]
        response = self.get_response(request)
        if request.path.startswith(API_PREFIX) and response.status_code >= 400 and not _is_json(response):
            response = _enveloped(response, request.path, request_id)
        response.headers.setdefault("request-id", request_id)
        return response


class HeadMiddleware:
    """A page answers HEAD as GET, and the server leaves the body out: monitors ask so. The API has no HEAD."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method == "HEAD" and not request.path.startswith(API_PREFIX):
            request.method = "GET"
        return self.get_response(request)


class MemberMiddleware:
    """`request.member`, `request.workspace` and `request.actor`, each None for a stranger; API calls bring a key."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        member = None if request.path.startswith(API_PREFIX) else find_member(request)
        request.member = member  # type: ignore[attr-defined]
        request.workspace = member.workspace if member else None  # type: ignore[attr-defined]
        request.actor = Actor.of_member(member) if member else None  # type: ignore[attr-defined]
        if member:
            tell_caller(request, f"user {member.user_id}")  # in all workspaces one
            note_seen(member)
        return self.get_response(request)


def find_member(request: HttpRequest) -> Member | None:
    """The signed-in person as a member of the workspace they chose, else of the first they joined."""
    if not request.user.is_authenticated:
        return None
    members = Member.objects.present().filter(user=request.user)
    members = members.select_related("workspace", "user").order_by("created_at", "pk")
    chosen = request.session.get(WORKSPACE_KEY)
    return (members.filter(workspace=chosen).first() if chosen else None) or members.first()


def member_behind(request: HttpRequest) -> Member | None:
    """The same for a request that passed no middleware: who its cookie belongs to."""
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    request.user = get_user(request)
    return find_member(request)


def _is_json(response: HttpResponseBase) -> bool:
    return response.headers.get("content-type", "").startswith("application/json")


def _enveloped(response: HttpResponseBase, path: str, request_id: str) -> HttpResponse:
    phrase = HTTPStatus(response.status_code).phrase
    error = DomainError(f"Not found: there is nothing at {path}." if response.status_code == 404 else f"{phrase}.")
    error.status = response.status_code
    error.type = ERROR_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    answer = JsonResponse(error_body(error, request_id), status=error.status)
    answer.headers["content-length"] = str(len(answer.content))  # else it comes in chunks, which HTTP/1.0 has not
    if allow := response.headers.get("allow"):
        answer.headers["allow"] = allow
    return answer
