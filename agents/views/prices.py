"""What models and running time cost: the page, and the forms that set this workspace's own prices."""

from datetime import UTC, date
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from agents.access import access_row, require_role
from agents.editions import edition_of
from agents.exceptions import EditedMeanwhile
from agents.forms.prices import PriceForm, RuntimePriceForm
from agents.http import HtmxHttpRequest, go, page
from agents.models import Agent, AgentVersion, ModelPrice, Role
from agents.price_list import BUILT_IN
from agents.prices import PriceBook
from agents.services import prices
from agents.views.agents import model_name
from agents.views.editing import lay_over

NO_PRICE = "none"  # the edition of what nobody has set


@require_GET
@require_role(Role.VIEWER)
def price_list(request: HtmxHttpRequest) -> HttpResponse:
    """Own prices, then the built-in table; `?model=` begins a price of one's own from what applies today."""
    return _page(request, PriceForm(initial=_initial(request)))


@require_POST
@require_role(Role.ADMIN)
def price_save(request: HtmxHttpRequest) -> HttpResponseBase:
    form = PriceForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    rates = form.said
    model, day = rates.pop("model"), rates.pop("valid_from")
    try:
        row = prices.set_price(model, day, rates, actor=request.actor, edition=form.seen)
    except EditedMeanwhile:
        if theirs := prices.price_on(request.workspace, model, day):
            lay_over(request, form, theirs)
        else:
            form.add_error(None, "Somebody else set a price from this day, and took it away again. Save once more.")
        return _page(request, form, status=form.status)
    messages.success(request, f"{row.model} costs this from {row.valid_from:%d %b %Y} on.")
    return go(request, "prices")


@require_POST
@require_role(Role.ADMIN)
def price_delete(request: HtmxHttpRequest, price_id: str) -> HttpResponseBase:
    """Back to what applied before it."""
    row = access_row(ModelPrice, request.actor, price_id, "Price")
    prices.delete_price(row, actor=request.actor)
    messages.success(request, f"The price of {row.model} from {row.valid_from:%d %b %Y} on is gone.")
    return go(request, "prices")


@require_POST
@require_role(Role.ADMIN)
def price_runtime(request: HtmxHttpRequest) -> HttpResponseBase:
    form = RuntimePriceForm(request.POST)
    if not form.is_valid():
        return _page(request, PriceForm(initial=_initial(request)), form, status=422)
    try:
        prices.set_runtime_price(form.said["usd_per_hour"], actor=request.actor, edition=form.seen)
    except EditedMeanwhile:
        lay_over(request, form, prices.runtime_price(request.workspace), request.workspace.pk)
        return _page(request, PriceForm(initial=_initial(request)), form, status=form.status)
    messages.success(request, "An hour of running time costs this from today on.")
    return go(request, "prices")


def _page(
    request: HtmxHttpRequest, form: PriceForm, runtime: RuntimePriceForm | None = None, *, status: int = 200
) -> HttpResponse:
    book, today = prices.book_of(request.workspace), _today()
    context: dict[str, Any] = {
        "section": "setup",
        "own": ModelPrice.objects.in_workspace(request.workspace).order_by("model", "-valid_from"),
        "built_in": [(price, book.price_of(price.model, today)) for price in BUILT_IN],
        "unpriced": _unpriced(request, book, today),
        "runtime": book.runtime,
        "form": form,
        "runtime_form": runtime or RuntimePriceForm(initial=RuntimePriceForm.showing(book.runtime)),
        "may_set": request.member.is_admin,
    }
    return page(request, "agents/price_list.html", context, status=status)


def _initial(request: HtmxHttpRequest) -> dict[str, Any]:
    model = request.GET.get("model", "")
    found = prices.book_of(request.workspace).price_of(model, _today()) if model else None
    rates = {name: getattr(found.rates, name) for name in prices.RATES} if found else {}
    own = prices.price_on(request.workspace, model, _today())
    return {"model": model, "valid_from": _today(), **rates, "edition": edition_of(own) if own else NO_PRICE}


def _unpriced(request: HtmxHttpRequest, book: PriceBook, today: date) -> list[str]:
    """Models that agents name today and that no price is known for."""
    agents = Agent.objects.in_workspace(request.workspace).live().filter(is_internal=False)
    current = dict(agents.values_list("pk", "version"))
    versions = AgentVersion.objects.filter(agent__in=current).only("agent_id", "number", "definition")
    named = {model_name(row.definition) for row in versions if current[row.agent_id] == row.number}
    return sorted(model for model in named if book.price_of(model, today) is None)


def _today() -> date:
    return timezone.now().astimezone(UTC).date()
