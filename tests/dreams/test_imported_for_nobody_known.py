"""Imported sessions that name no principal: the importer is not taken for the one they were for."""

import json
from typing import Any

import pytest

from agents.actors import Actor
from agents.models import Session
from agents.services.imports import import_transcripts
from dreams import pipeline
from dreams.models import Proposal
from tests.dreams.dreaming import begin, proposals_of, store_of
from tests.dreams.messages_server import honest, serving


def transcript(number: int, **members: Any) -> str:
    call = {"id": "c", "type": "function", "function": {"name": "pay", "arguments": f'{{"card": "{number}"}}'}}
    messages = [
        {"role": "user", "content": f"Please pay order {number}."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "Error: card refused"},
    ]
    return json.dumps({"messages": messages, **members})


def proposal_over(actor: Actor, *lines: str) -> Proposal:
    report = import_transcripts(list(lines), "Payments", actor=actor)
    dream = begin(actor, store_of(actor), list(Session.objects.filter(pk__in=report.imported)))
    with serving(honest):
        pipeline.run_dream(dream.pk)
    dream.refresh_from_db()
    (proposal,) = proposals_of(dream)
    return proposal


def severity_of(proposal: Proposal) -> dict[str, str]:
    return {risk["code"]: risk["severity"] for risk in proposal.risks}


@pytest.mark.django_db(transaction=True)
def test_they_carry_a_note_and_no_caution(actor: Actor) -> None:
    proposal = proposal_over(actor, transcript(1), transcript(2))
    assert severity_of(proposal) == {"from_failures": "info", "unknown_principal": "info"}
    assert proposal.lane == "review"


@pytest.mark.django_db(transaction=True)
def test_one_named_principal_is_still_a_caution(actor: Actor) -> None:
    proposal = proposal_over(actor, transcript(1, principal="ann"), transcript(2, principal="ann"))
    assert severity_of(proposal)["single_principal"] == "warning"
