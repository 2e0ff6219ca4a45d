"""From the data to service, step by step: training, audit, gate, prices where the gate refuses, board, deployment.

Every step first looks whether it was done, so a walk that was cut off, or that waits for the board, is taken up again
by walking it anew. What each step makes is logged and attested by the step itself.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from audits.errors import InfeasibleLimits
from audits.verdict import Outcome
from governance.access.permissions import permissions_of, require
from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.budget.reservations import cancel
from governance.budget.tables import Reservation
from governance.errors import Conflict, InvalidInput
from governance.gate.decision import Decision
from governance.gate.records import decision_of, find_latest
from governance.gate.tables import GateRecord
from governance.gate.withdrawing import withdrawn_under
from governance.pipeline.audit import audit_model, decide_on
from governance.pipeline.home import Home
from governance.pipeline.mitigate import can_be_priced, mitigate
from governance.pipeline.snapshot import take_snapshot
from governance.pipeline.train import planned, train
from governance.registry.models import find_latest_report, find_model, get_model, serving
from governance.registry.tables import Model, Snapshot
from governance.review import proposals
from governance.review.board import find_review, propose
from governance.review.deployment import deploy
from governance.review.tables import Proposal, Review
from recommender.models import kinds_for

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, how much of it is done and how much there is."""


class Standing(StrEnum):
    """Where a walk has come to."""

    SERVING = "serving"
    WAITING = "waiting for the board"
    APPROVED = "approved, to be deployed by somebody who may"
    UNDECIDED = "not decided by the gate"
    REFUSED_BY_GATE = "refused by the gate"
    REFUSED_BY_BOARD = "refused by the board"


STANDINGS = {Outcome.FAIL: Standing.REFUSED_BY_GATE, Outcome.INCONCLUSIVE: Standing.UNDECIDED}
OVER = frozenset({Standing.SERVING, Standing.REFUSED_BY_GATE, Standing.REFUSED_BY_BOARD})
"""Where nothing is left to be done by the proposal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step came to, as a sentence; ``again`` says that it had been done before."""

    name: str
    sentence: str
    again: bool = False
    decision: Decision | None = None


@dataclass(slots=True, kw_only=True)
class Walk:
    """One proposal on its way, in the name of ``walker``. Walk ``steps`` to the end, then read ``standing``."""

    home: Home
    proposal: Proposal
    walker: Principal
    new_id: Callable[[], UUID]
    progress: Progress | None = None
    standing: Standing = Standing.UNDECIDED

    def steps(self) -> Iterator[Step]:
        """Do what is not done yet, up to the first thing that only others can do.

        Raises:
            Conflict: the training was cut off while it read: `pay_again`, or let it be.
            BudgetExceeded, EmptySnapshot: see `train`.
        """
        yield from self._steps()
        if self.standing in OVER:
            with self.home.transaction() as session:
                proposals.end(session, proposals.get_proposal(session, self.proposal.id), clock=self.home.clock)

    def _steps(self) -> Iterator[Step]:
        model = yield from self._model()
        record = yield from self._decided(model)
        if record.outcome == Outcome.FAIL and not model.prices and can_be_priced(self.home):
            priced = yield from self._priced(model)
            if priced is not None:
                model, record = priced, (yield from self._decided(priced))
        if record.outcome != Outcome.PASS:
            self.standing = STANDINGS[Outcome(record.outcome)]
            return
        if self._serves(model):
            self.standing = Standing.SERVING
            return
        review = yield from self._reviewed(model, record)
        if review.state == "approved":
            yield from self._deployed(model)
        else:
            self.standing = Standing.WAITING if review.state == "open" else Standing.REFUSED_BY_BOARD

    def _model(self) -> Generator[Step, None, Model]:
        snapshot_id, training_id = proposals.snapshot_id_of(self.proposal), proposals.training_id_of(self.proposal)
        with self.home.transaction() as session:
            if self.proposal.model_id is not None:
                return get_model(session, self.proposal.model_id)
            known, made = session.get(Snapshot, snapshot_id), find_model(session, training_id, self.proposal.kind)
        snapshot = known or take_snapshot(self.home, snapshot_id=snapshot_id)
        members = f"snapshot {snapshot.id} holds {snapshot.subjects:,} subjects"
        yield Step(name="snapshot", sentence=members, again=known is not None)
        trained = train(
            self.home, snapshot, training_id=training_id, author=self.walker, progress=self._told("training")
        )
        model, promise = trained.models[self.proposal.kind], trained.release.guarantee
        cost = f"epsilon {promise['epsilon']:g}, delta {promise['delta']:g}"
        sentence = f"model {model.id} from release {trained.release.digest[:16]} ({cost})"
        yield Step(name="training", sentence=sentence, again=made is not None)
        return model

    def _decided(self, model: Model) -> Generator[Step, None, GateRecord]:
        """The gate's decision by the policy in force, on a report that was made for it and is not too old.

        What could not be decided is audited again: meanwhile more subjects may have come. So is what passed by a waiver
        that was withdrawn since.
        """
        with self.home.transaction() as session:
            record, report = find_latest(session, model), find_latest_report(session, model)
            withdrawn = record is not None and withdrawn_under(session, record)
        now, days = self.home.clock(), self.home.policies.fairness.value.decision_valid_days
        standing = (
            record is not None
            and record.expires_at > now
            and record.policy == self._policy
            and record.outcome != Outcome.INCONCLUSIVE
            and not withdrawn
        )
        fresh = report is not None and report.recorded_at + timedelta(days=days) > now
        if report is None or not fresh or (record is not None and not standing):
            report = audit_model(self.home, model.id, progress=self._told("audit")).record
            yield Step(name="audit", sentence=f"report {report.digest[:16]} on model {model.id}")
        if record is None or not standing or record.report != report.digest:
            decision = decide_on(self.home, model.id, decision_id=self.new_id())
            yield Step(name="gate", sentence=str(decision.outcome), decision=decision)
        else:
            yield Step(name="gate", sentence=record.outcome, decision=decision_of(record), again=True)
        with self.home.transaction() as session:
            found = find_latest(session, model)
        assert found is not None  # noqa: S101 - it was made above
        return found

    def _priced(self, model: Model) -> Generator[Step, None, Model | None]:
        """The model with prices, or None where no prices can meet the rules."""
        mitigated_id = proposals.mitigated_id_of(self.proposal, model, self._policy)
        with self.home.transaction() as session:
            known = session.get(Model, mitigated_id)
        if known is None:
            require(self.walker, "models:train", self.home.policies.access.value)
            step = self._told("prices")
            try:
                made = mitigate(self.home, model.id, mitigated_id=mitigated_id, author=self.walker, progress=step)
            except InfeasibleLimits as cause:
                yield Step(name="prices", sentence=f"none can meet the rules: {cause}")
                return None
        priced = known or made.model
        yield Step(name="prices", sentence=f"model {priced.id} has exposure prices", again=known is not None)
        return priced

    def _serves(self, model: Model) -> bool:
        with self.home.transaction() as session:
            present = serving(session)
        return present is not None and present.model_id == model.id

    def _reviewed(self, model: Model, record: GateRecord) -> Generator[Step, None, Review]:
        with self.home.transaction() as session:
            known = find_review(session, record)
            review = known or propose(
                session,
                get_model(session, model.id),
                review_id=proposals.review_id_of(self.proposal, record.id),
                author=self.walker,
                clock=self.home.clock,
            )
        yield Step(name="board", sentence=f"review {review.id} is {review.state}", again=known is not None)
        return review

    def _deployed(self, model: Model) -> Iterator[Step]:
        if "models:deploy" not in permissions_of(self.walker, self.home.policies.access.value):
            self.standing = Standing.APPROVED
            return
        with self.home.transaction() as session:
            actor = actor_of(self.walker)
            deployment = deploy(session, get_model(session, model.id), actor=actor, clock=self.home.clock)
        self.standing = Standing.SERVING
        yield Step(name="deployment", sentence=f"number {deployment.number} serves model {model.id}")

    @property
    def _policy(self) -> str:
        return self.home.policies.fairness.digest

    def _told(self, step: str) -> Callable[[int, int], None] | None:
        progress = self.progress
        return None if progress is None else lambda done, total: progress(step, done, total)


def pay_again(home: Home, proposal_id: UUID, walker: Principal) -> Proposal:
    """Begin a proposal's training anew, under a reservation of its own; what was read before stays paid for.

    A reservation under which nothing was read is given back.

    Raises:
        NotFound: no such proposal.
        Conflict: it trains nothing, is over, or its training is done.
    """
    with home.transaction() as session:
        proposal = proposals.get_proposal(session, proposal_id)
        reservation = session.get(Reservation, proposals.training_id_of(proposal))
        if reservation is not None and reservation.state == "spent":
            msg = f"the training of proposal {proposal_id} is done: nothing has to be paid for again"
            raise Conflict(msg)
        if reservation is not None and reservation.state == "reserved":
            cancel(session, reservation.id, actor=actor_of(walker), clock=home.clock)
        return proposals.begin_again(session, proposal, author=walker, clock=home.clock)


def set_out(home: Home, *, proposal_id: UUID, kind: str, model_id: UUID | None, walker: Principal) -> Proposal:
    """Begin a proposal: of the model with this id, or of one of this kind, to be trained.

    Raises:
        InvalidInput: no such kind.
        NotFound: no such model.
    """
    kinds = [each.slug for each in kinds_for(dict(planned(home).shares))]
    if model_id is None and kind not in kinds:
        msg = f"kind: expected one of {', '.join(kinds)}, got another"
        raise InvalidInput(msg)
    with home.transaction() as session:
        model = None if model_id is None else get_model(session, model_id)
        return proposals.begin(
            session, proposal_id=proposal_id, kind=kind, model=model, author=walker, clock=home.clock
        )
