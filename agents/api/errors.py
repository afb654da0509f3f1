"""Every failure of a call, rendered once: the wire's envelope with its type, its status and the request's id."""

import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from agents.envelope import error_body, error_headers
from agents.exceptions import DomainError, InvalidRequest, NotAuthenticated, NotFound, TooLarge, Unavailable
from agents.limits import BODY_MAX_BYTES
from agents.models import Session

logger = logging.getLogger(__name__)


class InternalError(DomainError):
    """A fault of ours; what it was stands in the log under the request's id."""

    type = "api_error"
    status = 500


def error_response(request: HttpRequest, error: DomainError) -> HttpResponse:
    body = error_body(error, getattr(request, "request_id", ""))
    return JsonResponse(body, status=error.status, headers=error_headers(error))


def as_domain_error(error: Exception) -> DomainError:
    """What the caller is told about an exception."""
    match error:
        case DomainError():
            return error
        case Http404():
            return NotFound("Not found.")
        case AuthenticationError():
            return NotAuthenticated("An API key is needed.")
        case RequestDataTooBig():
            return TooLarge(f"The request body is larger than {BODY_MAX_BYTES:,} bytes.")
        case TooManyFieldsSent():
            return InvalidRequest("The query has too many parameters.")
        case ValidationError():
            first: dict[str, Any] = error.errors[0]
            return InvalidRequest(f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}")
        case HttpError():
            return InvalidRequest(error.message)
        case Session.DoesNotExist():
            return NotFound("The session was deleted in the meantime.")
        case OperationalError():
            return Unavailable("The database is busy or away; try again.")
    return InternalError("Something went wrong on this server; the log has it under this request's id.")


def register_handlers(api: NinjaAPI) -> None:
    def handle(request: HttpRequest, error: Any) -> HttpResponse:
        told = as_domain_error(error)
        if told.status >= 500:
            logger.error("%s %s %s", request.method, request.path, getattr(request, "request_id", ""), exc_info=error)
        return error_response(request, told)

    for kind in (DomainError, Http404, AuthenticationError, HttpError, ValidationError, Exception):
        api.add_exception_handler(kind, handle)
