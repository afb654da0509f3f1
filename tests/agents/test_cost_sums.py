"""The database's sums of costs are those of all sessions, one by one, to the last decimal."""

import random
from collections import defaultdict
from decimal import Decimal
from itertools import combinations

import pytest

from agents.models import Session, SessionKind, VerdictResult
from agents.prices import RUNTIME, cost_of, lines_of
from agents.services.agents import create_agent
from agents.services.cost_days import COUNTED
from agents.services.costs import GROUPS, Costs, Period
from agents.services.prices import book_of

pytestmark = pytest.mark.django_db

MODELS = ("claude-opus-5-5", "claude-haiku-5-5", "claude-opus-5", "no'body", 'a"b.c', "$.x", "%s {}", "größe", "")
DAYS = ("2026-11-01", "2026-11-02", "2026-11-03")


@pytest.fixture
def spenders(make_session, actor):
    """A workspace."""
    chance = random.Random(11)
    first = make_session()
    other = create_agent({"name": "Other", "model": "m"}, actor=actor)
    for _ in range(60):
        columns = {field.attname: getattr(first, field.attname) for field in Session._meta.concrete_fields}
        session = Session(**{name: value for name, value in columns.items() if name != "id"})
        session.agent_id = chance.choice((first.agent_id, other.pk))
        session.kind = chance.choice((SessionKind.AGENT, SessionKind.DREAM, SessionKind.IMPORTED))
        session.is_practice = chance.random() < 0.3
        session.verdict = chance.choice((VerdictResult.COMPLETED, VerdictResult.FAILED, None))
        session.escalated_at = chance.choice((None, None, first.created_at))
        session.spent = spent(chance)
        session.save(force_insert=True)
    return first.workspace


def spent(chance):
    def counters(model):
        if model == RUNTIME:
            seconds = {"active_seconds": sum(chance.randrange(10**9) / 10**6 for _ in range(3))}
            return chance.choice((seconds, {**seconds, "web_search_requests": 2, "web_fetch_requests": 1}))
        used = {name: chance.randrange(10**6) for name in ("input_tokens", "output_tokens", "cache_read_input_tokens")}
        return chance.choice((used, {**used, "long": {"input_tokens": used["input_tokens"] // 2}}))

    days = chance.sample(DAYS, chance.randrange(3))
    return {day: {model: counters(model) for model in chance.sample(MODELS, 3)} for day in days}


def one_by_one(workspace, names, book):
    """Group -> (dollars, dollars of the practice model, tokens, unpriced tokens, sessions, completed ones)."""
    sums = defaultdict(lambda: [Decimal(0), Decimal(0), 0, 0, set(), set()])
    for session in Session.objects.filter(workspace=workspace, kind__in=COUNTED):
        is_dream = session.kind == SessionKind.DREAM
        for line in lines_of(session.spent, book):
            whose = {"kind": "dream" if is_dream else "session", "agent_id": "" if is_dream else session.agent_id}
            told = {**whose, "day": line.day, "model": line.model}
            sum = sums[tuple(told[name] for name in names)]
            sum[0] += line.usd or 0
            sum[1] += (line.usd or 0) if session.is_practice else 0
            sum[2] += line.tokens
            sum[3] += line.tokens if line.usd is None else 0
            sum[4].add(session.pk)
            if session.verdict == VerdictResult.COMPLETED and session.escalated_at is None:
                sum[5].add(session.pk)
    return {
        key: (cut(usd), cut(practice), *more, len(all), len(done))
        for key, (usd, practice, *more, all, done) in sums.items()
    }


def told(found, names):
    return {
        key: (cut(sum.usd), cut(sum.practice_usd), sum.tokens, sum.unpriced_tokens, sum.sessions, sum.completed)
        for key, sum in found.by(*names).items()
    }


def cut(usd):
    """Hours are no finite decimals."""
    return usd.quantize(Decimal("1e-15"))


@pytest.mark.parametrize("count", range(5))
def test_every_grouping_is_exact(spenders, count):
    book = book_of(spenders)
    found = Costs(spenders, Period(), book)
    for names in combinations(GROUPS, count):
        assert told(found, names) == one_by_one(spenders, names, book)


def test_the_dearest_are_found_however_their_models_are_called(spenders):
    book = book_of(spenders)
    found = Costs(spenders, Period(), book)
    dearest = found.dearest(20)
    every = {
        pk: cost_of(spent, book) for pk, spent in Session.objects.exclude(kind="imported").values_list("pk", "spent")
    }
    assert [cost.usd for _, cost in dearest] == sorted((cost.usd for cost in every.values()), reverse=True)[:20]
    assert found.dearest(5) == dearest[:5]
    assert dearest[0][1].usd > dearest[4][1].usd > 0


def test_sums_hold_what_no_float_could(make_session):
    session = make_session()
    for tokens in (2**53, 1):
        used = {"input_tokens": tokens, "output_tokens": 0}
        columns = {field.attname: getattr(session, field.attname) for field in Session._meta.concrete_fields}
        Session.objects.create(**{**columns, "id": f"sesn_{tokens}", "spent": {"2026-11-01": {"claude-opus-5": used}}})
    [total] = Costs(session.workspace, Period(), book_of(session.workspace)).by().values()
    assert total.tokens == 2**53 + 1
