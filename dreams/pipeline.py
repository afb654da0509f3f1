"""The phases of a dream in order, P0 to P9; each is recorded, and all are safe to run again after a kill.

What is stored is what cannot be computed again: the versions that were pinned and the model's answers. Everything else
follows from them, so a worker that takes over computes it anew and asks only for the answers that are missing. The last
transaction writes the review, fills the candidate and ends the dream, or does none of it.
"""

import hashlib
import hmac
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from agents.actors import Actor, platform
from agents.exceptions import DomainError, Fenced
from agents.ids import new_id
from agents.leases import acquire, held, lease_of
from agents.limits import STEP_LOSSES_MAX
from agents.models import Session
from agents.outbox import emit
from dreams import claims, inputs, map_request, operations, reduce_request, trace
from dreams.changes import ConservationBroken
from dreams.claims import Claim, Dropped
from dreams.clusters import Cluster, cluster_claims
from dreams.compiler import Compiled, compile_changes
from dreams.digest import Digest
from dreams.entries import Entry, all_entries
from dreams.exceptions import DreamCanceled, DreamFailure
from dreams.gate import Rules, judge_all
from dreams.holding import Hold
from dreams.mining import Hint, mine, shared_sequences
from dreams.models import Dream, DreamStatus
from dreams.models.dream import OutputBehavior
from dreams.operations import Operation
from dreams.outcome import (
    Judged,
    apply_auto,
    count_lanes,
    fill_candidate,
    versions_written,
    without_rejected,
    write_review,
)
from dreams.questions import Interview, Question
from dreams.services import redaction_key
from memory import services as memory_services
from memory.exceptions import PathConflict, PreconditionFailed, StoreLimitReached
from memory.models import MemoryStore
from memory.tiers import dreams_may_write

logger = logging.getLogger(__name__)


def run_dream(dream_id: str) -> None:
    """Drive a dream to its end; returns at once when somebody else does or there is nothing to do."""
    dream = acquire(Dream, dream_id)
    if dream is None:
        return
    with held(lease_of(dream)):
        run = Run(dream)
        try:
            run.to_its_end()
        except Fenced as fact:
            logger.warning("%s", fact)
        except DreamCanceled:
            run.close_canceled()
        except DreamFailure as failure:
            run.fail(failure)
        except (PreconditionFailed, PathConflict):
            run.fail(DreamFailure("internal_error", "Somebody wrote into the dream's output store while it ran."))
        except StoreLimitReached as error:
            run.fail(DreamFailure("memory_store_org_limit_exceeded", error.message))
        except DomainError as error:
            run.fail(DreamFailure("internal_error", error.message))
        except ConservationBroken as broken:
            run.fail(DreamFailure("internal_error", f"The dream would have damaged the memory: {broken}"))
        except Exception as error:
            logger.exception("The dream %s came to a stop.", dream_id)
            run.fail(DreamFailure("internal_error", f"Lucid failed on this dream: {type(error).__name__}."))


class Run(Hold):
    """One holder's work on one dream, phase by phase."""

    def __init__(self, dream: Dream) -> None:
        super().__init__(dream)
        self.actor: Actor = platform(dream.workspace)

    def to_its_end(self) -> None:
        """All phases in order; each finds what an earlier run left of it."""
        if self.dream.status == DreamStatus.CANCELED:
            raise DreamCanceled
        if DreamStatus(self.dream.status).is_final:
            self.release()
            return
        if self.dream.losses >= STEP_LOSSES_MAX:
            message = f"Lucid gave up on this dream: {self.dream.losses} workers were lost with the same step."
            raise DreamFailure("internal_error", message)
        self._pin()
        self._select()
        digests = self._digest()
        hints = self._mine(digests)
        found = self._map_and_verify(digests, hints)
        clusters = self._cluster(found)
        files = inputs.pinned_files(self.dream)
        planned = self._reduce(clusters, files)
        compiled = self._compile(planned, files)
        self._gate(compiled, digests, files)

    def _pin(self) -> None:
        """P0: hold on to the store's versions; open the session and, for `create_new`, the candidate copy."""
        store = inputs.check_inputs(self.dream)
        if self.dream.status == DreamStatus.PENDING:
            self._begin(store)
        self.record_phase("pin", files=len(self.dream.manifest["memories"]), store=store.pk)

    def _begin(self, store: MemoryStore) -> None:
        review_id = new_id("review")
        with transaction.atomic():
            self.lease.check()
            # Under the store's row lock: the candidate copy must hold the very versions that are pinned.
            memory_services.hold_store(store.pk)
            now = timezone.now().isoformat()
            manifest = {**self.dream.manifest, **inputs.pin(store), "review_id": review_id, "started_at": now}
            output = self._output_store(store, review_id)
            session = trace.open_trace(self.dream, self.actor)
            moved = Dream.objects.filter(pk=self.dream.pk, status=DreamStatus.PENDING).update(
                status=DreamStatus.RUNNING, manifest=manifest, output_store_id=output.pk, session=session
            )
            if not moved:
                raise DreamCanceled
            emit(self.dream.workspace_id, "dream.running", self.dream.pk)
        self.dream.refresh_from_db()

    def _output_store(self, store: MemoryStore, review_id: str) -> MemoryStore:
        if self._updates_its_store:
            return store
        candidate = memory_services.create_store(
            self.dream.workspace,
            name=f"{store.name} (dream {timezone.now():%Y-%m-%d %H:%M})"[:255],
            description=store.description,
            tier=store.tier,
            unreviewed_review_id=review_id,
        )
        memory_services.copy_memories(store, candidate, actor=self.actor)
        return candidate

    def _select(self) -> None:
        """P1: explicit session ids are read as they are; a failed session can only speak of pitfalls."""
        sessions = Session.objects.filter(pk__in=self.dream.input_session_ids)
        verdicts = Counter(sessions.values_list("verdict", flat=True))
        by_verdict = {name or "no verdict": number for name, number in sorted(verdicts.items(), key=str)}
        self.record_phase("select", sessions=len(self.dream.input_session_ids), **by_verdict)

    def _digest(self) -> list[Digest]:
        """P2: transcripts as numbered, redacted, bounded events."""
        digests = []
        for digest in inputs.read_digests(self.dream):
            digests.append(digest)
            self.stay_alive(every=20, done=len(digests))
        read = [inputs.read_of(digest) for digest in digests]
        self.note_in_manifest(sessions=read)
        events = sum(len(digest.events) for digest in digests)
        self.record_phase("digest", events=events, shortened=sum(digest.is_truncated for digest in digests))
        return digests

    def _mine(self, digests: Sequence[Digest]) -> dict[str, list[Hint]]:
        """P3: what code alone finds."""
        shared = shared_sequences(digests)
        hints = {d.session_id: [*mine(d), *shared.get(d.session_id, [])] for d in digests}
        counts = Counter(hint.hint for found in hints.values() for hint in found)
        self.record_phase("mine", **dict(sorted(counts.items())))
        return hints

    def _map_and_verify(self, digests: Sequence[Digest], hints: dict[str, list[Hint]]) -> list[Claim]:
        """P4 and P5: one request per session, and what code lets through of its answer."""
        questions = [self._map_question(digest, hints[digest.session_id]) for digest in digests]
        answers = self._ask_all("map", questions)
        kept: list[Claim] = []
        dropped: list[Dropped] = []
        for digest in digests:
            verified, refused = claims.verify(answers.get(digest.session_id, []), digest, hints[digest.session_id])
            kept += verified
            dropped += refused
        self.record_phase(
            "verify", kept=len(kept), dropped=len(dropped), tainted=sum(claim.is_tainted for claim in kept)
        )
        return kept

    def _map_question(self, digest: Digest, hints: list[Hint]) -> Question:
        def read(items: Sequence[Any]) -> tuple[int, list[Dropped]]:
            kept, dropped = claims.verify(items, digest, hints)
            return len(kept), dropped

        return Question(
            kind="map",
            key=digest.session_id,
            name="Reader",
            task=f"Read session {digest.session_id}: {len(digest.events)} events, {len(hints)} hints.",
            tool=map_request.TOOL,
            noun="claims",
            request=lambda: map_request.request_body(
                digest,
                hints,
                model=self.dream.model["id"],
                fence=self._fence(digest.session_id),
                instructions=self.dream.instructions or "",
            ),
            parse=map_request.parse,
            read=read,
        )

    def _fence(self, session_id: str) -> str:
        """Unknown to every transcript, and the same when a request has to be made again."""
        key = redaction_key(self.dream.workspace)
        return hmac.new(key, f"{self.dream.pk}:{session_id}".encode(), hashlib.sha256).hexdigest()[:24]

    def _cluster(self, found: Sequence[Claim]) -> list[Cluster]:
        """P6: claims about the same case."""
        clusters = cluster_claims(found)
        self.record_phase("cluster", clusters=len(clusters), tainted=sum(cluster.is_tainted for cluster in clusters))
        return clusters

    def _reduce(self, clusters: Sequence[Cluster], files: dict[str, str]) -> list[Operation]:
        """P7: one request per cluster; what is tainted is shown to no model again."""
        entries = all_entries(files)
        clean = [cluster for cluster in clusters if not cluster.is_tainted]
        shown = {cluster.key: operations.touched_entries(cluster, entries) for cluster in clean}
        answers = self._ask_all("reduce", [self._reduce_question(c, shown[c.key]) for c in clean])
        planned = [operations.quarantine_operation(cluster) for cluster in clusters if cluster.is_tainted]
        for cluster in clean:
            read, _ = operations.read_operations(answers.get(cluster.key, []), cluster, shown[cluster.key])
            planned += read
        return planned

    def _reduce_question(self, cluster: Cluster, entries: list[Entry]) -> Question:
        def read(items: Sequence[Any]) -> tuple[int, list[Dropped]]:
            kept, dropped = operations.read_operations(items, cluster, entries)
            return len(kept), dropped

        return Question(
            kind="reduce",
            key=cluster.key,
            name="Writer",
            task=f"Decide on {len(cluster.claims)} claims about one {cluster.kind}, {len(entries)} entries touched.",
            tool=reduce_request.TOOL,
            noun="operations",
            request=lambda: reduce_request.request_body(
                cluster, entries, model=self.dream.model["id"], instructions=self.dream.instructions or ""
            ),
            parse=reduce_request.parse,
            read=read,
        )

    def _compile(self, planned: Sequence[Operation], files: dict[str, str]) -> Compiled:
        """P8: operations become changes; the conservation laws hold or the dream fails."""
        # What may be written without a person carries no text that an error brought along.
        quotes = not (self._updates_its_store and inputs.open_kinds(self.dream))
        authoritative = inputs.authoritative_entries(self.dream)
        compiled = compile_changes(planned, files, authoritative=authoritative, quote_errors=quotes)
        self.record_phase("compile", changes=len(compiled.changes), dropped=len(compiled.dropped))
        return compiled

    def _gate(self, compiled: Compiled, digests: Sequence[Digest], files: dict[str, str]) -> None:
        """P9: a lane for every change, then everything that remains of the dream in one transaction."""
        judged = self._judge(compiled, digests)
        judged, rejected_before = without_rejected(self.dream, judged)
        inputs.check_inputs(self.dream)
        with transaction.atomic():
            self.lease.check()
            if self._updates_its_store:
                # Before the older proposals, as every approval does it: two orders of locks would wait for each other.
                memory_services.hold_store(self.dream.input_store_id)
            review = write_review(self.dream, self.dream.manifest["review_id"], judged, self.actor)
            written = apply_auto(review, self.actor) if self._updates_its_store else self._fill_candidate(files, judged)
            self.note_in_manifest(written=versions_written(written))
            lanes = count_lanes(judged)
            self.record_phase("gate", **lanes, rejected_before=rejected_before)
            trace.end_trace(self.session, _closing_words(lanes))
            self.complete()

    def _judge(self, compiled: Compiled, digests: Sequence[Digest]) -> list[Judged]:
        store = MemoryStore.objects.get(pk=self.dream.input_store_id)
        untrusted = {digest.session_id: _untrusted_texts(digest) for digest in digests}
        young = inputs.young_principals(self.dream, [digest.principal for digest in digests])
        open_kinds = inputs.open_kinds(self.dream)
        unattributed = inputs.unattributed_sessions(self.dream)
        rules = [
            Rules(
                is_read_only=not dreams_may_write(store.tier),
                open_kinds=open_kinds,
                young_principals=young,
                untrusted_texts=tuple(text for session in change.sessions for text in untrusted.get(session, ())),
                is_shrinking=compiled.is_shrinking,
                unattributed_sessions=unattributed,
            )
            for change in compiled.changes
        ]
        rulings = judge_all(compiled.changes, rules)
        return [Judged(change=c, ruling=r) for c, r in zip(compiled.changes, rulings, strict=True)]

    @property
    def _updates_its_store(self) -> bool:
        return self.dream.output_behavior == OutputBehavior.UPDATE_EXISTING

    def _fill_candidate(self, files: dict[str, str], judged: Sequence[Judged]) -> list[dict[str, str]]:
        candidate = MemoryStore.objects.filter(pk=self.dream.output_store_id, archived_at=None).first()
        if candidate is None:  # whoever deleted or archived the copy does not want it
            return []
        return fill_candidate(self.dream, candidate, files, judged, self.actor)

    def _ask_all(self, kind: str, questions: Sequence[Question]) -> dict[str, list[Any]]:
        """The items of every usable answer by the question's key."""
        answers, problems = Interview(self.dream, self.lease, self.check_goes_on).ask_all(kind, questions)
        self.record_phase(kind, requests=len(questions), unusable=len(problems))
        if problems and not answers:
            raise DreamFailure("internal_error", f"The model gave no usable answer at all: {problems[0]}")
        return answers


def _untrusted_texts(digest: Digest) -> tuple[str, ...]:
    return tuple(event.full for event in digest.events if event.trust == 0 and not event.is_agent_prose)


def _closing_words(lanes: dict[str, int]) -> str:
    total = sum(lanes.values())
    if not total:
        return "The dream ended: it has nothing new to propose."
    shown = ", ".join(f"{number} {lane}" for lane, number in lanes.items() if number)
    return f"The dream ended with {total} proposal{'s' * (total != 1)}: {shown}."
