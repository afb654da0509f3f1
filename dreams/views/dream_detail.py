"""The page of one dream: what it read, did, cost, wrote and proposed, and what to do where it failed."""

from collections import Counter
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_htmx.http import HTMX_STOP_POLLING

from agents.access import require_role
from agents.http import HtmxHttpRequest, page
from agents.models import Role, Session
from agents.prices import Cost, PriceBook
from agents.services.prices import book_of, session_cost
from agents.templatetags.ui import plural
from dreams.access import access_dream
from dreams.models import Dream, DreamPhase, DreamPolicyRun, DreamStatus, PhaseStatus, Proposal
from dreams.shapes import dream_shape
from memory.models import MemoryStore, MemoryVersion

PHASES = {
    "pin": "the store and the sessions, as they are now",
    "select": "the sessions worth reading",
    "digest": "each transcript, redacted and numbered",
    "mine": "errors, fixes and habits, by code",
    "map": "one model request per session",
    "verify": "every quote, letter for letter",
    "cluster": "claims about the same case",
    "reduce": "one model request per cluster",
    "compile": "changes to single entries; nothing may be lost",
    "gate": "a lane for each change, with reasons",
}
# What a phase counted, as a person says it: things, and what became of them.
NOUNS = {
    "files": "file",
    "sessions": "session",
    "events": "event",
    "error": "error",
    "fixed": "fix,fixes",
    "sequence": "habit",
    "correction": "correction",
    "requests": "request",
    "clusters": "cluster",
    "changes": "change",
    "kept": "claim kept,claims kept",
}
STATES = {
    "no verdict": "without a verdict",
    "unusable": "unusable",
    "auto": "in the auto lane",
    "review": "for review",
    "quarantine": "in quarantine",
    "reject": "refused by a rule",
}

# What a person can do about each way to fail.
REMEDIES = {
    "timeout": "Read fewer sessions at once, or name a faster model.",
    "internal_error": "The last lines of its trace say more. Start it again when the cause is gone.",
    "memory_store_org_limit_exceeded": "Archive stores that nobody needs: copies that dreams left come first.",
    "input_memory_store_too_large": "Split the store by topic, and dream into one part of it.",
    "input_memory_store_unavailable": "Start it again into another store.",
    "input_session_unavailable": "Start it again: sessions that are gone are left out of the form.",
}


@require_GET
@require_role(Role.VIEWER)
def dream_detail(request: HtmxHttpRequest, dream_id: str) -> HttpResponse:
    """What it read, did, cost and proposed."""
    dream = access_dream(request.actor, dream_id)
    proposals = list(Proposal.objects.filter(review__dream=dream).only("kind", "lane", "status"))
    is_running = not DreamStatus(dream.status).is_final
    stores = MemoryStore.objects.in_workspace(request.workspace)
    context = {
        "section": "dreams",
        "dream": dream,
        "store": stores.filter(pk=dream.input_store_id).first(),
        "output": stores.filter(pk=dream.output_store_id).first(),
        "phases": _phases(dream),
        "proposal_count": len(proposals),
        "lanes": _table(proposals),
        "outcomes": Counter(proposal.status for proposal in proposals).most_common(),
        "waiting": sum(proposal.is_waiting for proposal in proposals),
        "inputs": _inputs(dream),
        "skipped": (dream.manifest.get("selection") or {}).get("skipped", {}).items(),
        "run": DreamPolicyRun.objects.filter(policy=dream.policy, dream_id=dream.pk).first() if dream.policy else None,
        "written": _written(dream),
        "cost": cost_of_dream(dream, book_of(request.workspace)),
        "remedy": REMEDIES.get(dream.error["type"], "") if dream.error else "",
        "is_running": is_running,
        "may_change": request.member.may_review,
    }
    response = page(request, "dreams/dream_detail.html", context, partial={"progress": "progress"})
    if request.htmx and not is_running:
        response.status_code = HTMX_STOP_POLLING
    return response


@require_GET
@require_role(Role.VIEWER)
def dream_manifest(request: HtmxHttpRequest, dream_id: str) -> HttpResponse:
    """Exactly what it read and wrote, with hashes, versions, prompts and model, for a program or an archive."""
    dream = access_dream(request.actor, dream_id)
    answer = JsonResponse({**dream_shape(dream), "manifest": dream.manifest}, json_dumps_params={"indent": 2})
    answer["Content-Disposition"] = f'attachment; filename="{dream.pk}.json"'
    return answer


def cost_of_dream(dream: Dream, book: PriceBook) -> Cost | None:
    """What its requests and its running time cost at list price; None before it has a trace."""
    return session_cost(dream.session, book, timezone.now()) if dream.session else None


def _inputs(dream: Dream) -> list[dict[str, Any]]:
    """Every session it was given, with what was read of it or why nothing was."""
    sessions = Session.objects.in_workspace(dream.workspace_id).in_bulk(dream.input_session_ids)
    read = {row["session_id"]: row for row in dream.manifest.get("sessions", [])}
    problems = dict(dream.requests.filter(kind="map").exclude(problem="").values_list("key", "problem"))
    return [
        {
            "id": key,
            "session": sessions.get(key),
            "read": read.get(key),
            "why_not": problems.get(key) or _why_unread(key in sessions, read.get(key)),
        }
        for key in dream.input_session_ids
    ]


def _why_unread(is_there: bool, read: dict[str, Any] | None) -> str:
    if not is_there and read is None:
        return "It was deleted before it was read."
    return "It has nothing that a dream could read." if read and not read["events"] else ""


def _written(dream: Dream) -> list[dict[str, Any]]:
    """The versions that it wrote, with the memory's id while its store is there."""
    rows = dream.manifest.get("written", [])
    versions = MemoryVersion.objects.in_bulk([row["version_id"] for row in rows])
    return [{**row, "version": versions.get(row["version_id"])} for row in rows]


def _table(proposals: list[Proposal]) -> list[dict[str, Any]]:
    """Rows are lanes, columns kinds: the whole result at a glance."""
    lanes: dict[str, Counter[str]] = {}
    for proposal in proposals:
        lanes.setdefault(proposal.lane, Counter())[proposal.kind] += 1
    return [{"lane": lane, "kinds": kinds.most_common(), "total": kinds.total()} for lane, kinds in lanes.items()]


def _phases(dream: Dream) -> list[dict[str, Any]]:
    rows, done = [], list(dream.phases.defer("output"))
    for phase in done:
        seconds = (phase.ended_at - phase.started_at).total_seconds() if phase.ended_at else None
        counted = {key: value for key, value in phase.summary.items() if isinstance(value, int)}
        # The gate has a count for every lane: those that nothing went to are not worth a word.
        said = {key: value for key, value in counted.items() if value or phase.name != "gate"}
        counts = ", ".join(_in_words(key, value) for key, value in said.items())
        what = PHASES.get(phase.name, "")
        rows.append({"phase": phase, "what": what, "seconds": seconds, "counts": counts})
    return rows + _unfinished(dream, done)


def _unfinished(dream: Dream, done: list[DreamPhase]) -> list[dict[str, Any]]:
    """The phase that it is in, or came to an end in: on record is only what is complete."""
    ahead = [name for name in PHASES if name not in {phase.name for phase in done}]
    if not done or not ahead or dream.status == DreamStatus.COMPLETED:
        return []
    name, is_over = ahead[0], DreamStatus(dream.status).is_final
    status = PhaseStatus.FAILED if is_over else PhaseStatus.RUNNING
    began_at = done[-1].ended_at or done[-1].started_at
    phase = DreamPhase(dream=dream, name=name, status=status, started_at=began_at)
    said = "ended here" if is_over else "under way"
    return [{"phase": phase, "what": PHASES[name], "seconds": None, "counts": _answered(dream, name), "said": said}]


def _answered(dream: Dream, phase: str) -> str:
    """How far the two phases are that ask a model."""
    if phase not in ("map", "reduce"):
        return ""
    answered = dream.requests.filter(kind=phase, answer__isnull=False).count()
    return f"{plural(answered, 'request')} answered"


def _in_words(key: str, number: int) -> str:
    """Such as "1 file" or "none shortened"."""
    if noun := NOUNS.get(key):
        return plural(number, noun) if number else f"no {plural(number, noun).partition(' ')[2]}"
    return f"{f'{number:,}' if number else 'none'} {STATES.get(key, key.replace('_', ' '))}"
