"""Builders of what services need, with plain arguments; ids follow from names."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from audits.group_sizes import GroupSize
from audits.report import Measurement, Report, UnknownLabels
from audits.verdict import Outcome
from governance.access.principals import add_principal
from governance.access.tables import Principal
from governance.budget.reservations import begin_reading, reserve, spend
from governance.gate.decision import Decision
from governance.gate.records import record_decision
from governance.gate.tables import GateRecord
from governance.policy.policies import Policies
from governance.policy.privacy_rules import PrivacyPolicy
from governance.policy.rules import AccessPolicy
from governance.registry.lineage import get_release, register_release, register_snapshot
from governance.registry.models import register_model, register_report
from governance.registry.tables import Model
from governance.rights.certificate import Certificate, ModelMemory, StoreErasure
from recommender.accounting import Guarantee, mu_for

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SPACE = UUID("00000000-0000-4000-8000-000000000000")
SYSTEM = "role:system"
CERTIFICATE = Certificate(
    request="00000000-0000-4000-8000-000000000001",
    right="erasure",
    regime="gdpr",
    controller="Example Streaming",
    received_on="2026-11-23",
    erased_on="2026-11-24",
    stores=(StoreErasure(store="lake", found={"rating": 1234}, left=0),),
    models=(
        ModelMemory(
            model="00000000-0000-4000-8000-000000000002",
            digest="ab" * 32,
            kind="ease",
            state="deployed",
            generation=3,
            release="cd" * 32,
            guarantee={"epsilon": 5.0, "delta": 1e-6},
        ),
    ),
    snapshots=("00000000-0000-4000-8000-000000000003",),
    retrain_by="2027-02-22",
    vault_commitment="ef" * 32,
    residue=("Back-ups keep what they held.",),
)


def _id(name: str) -> UUID:
    return uuid5(SPACE, name)


def _guarantee(epsilon: float, delta: float = 1e-6) -> Guarantee:
    return Guarantee(
        epsilon=epsilon,
        delta=delta,
        mu=mu_for(epsilon, delta),
        unit="subject: everything one person did",
        neighbouring="add or remove one subject",
        accountant="Gaussian DP",
        mechanism="discrete Gaussian",
    )


@dataclass(frozen=True)
class Build:
    """Builders with plain arguments; ids follow from names."""

    policies: Policies
    now: datetime = NOON
    actor: str = SYSTEM

    @property
    def access(self) -> AccessPolicy:
        return self.policies.access.value

    @property
    def privacy(self) -> PrivacyPolicy:
        return self.policies.privacy.value

    def id(self, name: str) -> UUID:
        return _id(name)

    def guarantee(self, epsilon: float) -> Guarantee:
        return _guarantee(epsilon)

    def clock(self) -> datetime:
        return self.now

    def principal(self, session: Session, name: str, *roles: str) -> Principal:
        return add_principal(
            session, name, roles, principal_id=_id(name), policy=self.access, actor=SYSTEM, clock=self.clock
        )

    def release(
        self,
        session: Session,
        name: str,
        subjects: tuple[str, ...],
        epsilon: float = 2.0,
        together: Guarantee | None = None,
    ) -> str:
        """Digest of a release that was paid for, alone or ``together`` with more, from a snapshot of these subjects."""
        who = {"actor": SYSTEM, "clock": self.clock}
        reservation_id, snapshot_id = _id(f"reservation {name}"), _id(f"snapshot {name}")
        guarantee, digest = _guarantee(epsilon), _digest(name)
        reserve(
            session,
            reservation_id=reservation_id,
            purpose="model_training",
            guarantee=together or guarantee,
            policy=self.privacy,
            **who,
        )
        snapshot = register_snapshot(session, {"lake": {"rating": 1}}, subjects, snapshot_id=snapshot_id, **who)
        begin_reading(session, reservation_id, **who)
        register_release(
            session, digest, guarantee, snapshot=snapshot, reservation_id=reservation_id, path=f"releases/{name}", **who
        )
        spend(session, reservation_id, release=digest, **who)
        return digest

    def model(self, session: Session, name: str, release: str, author: Principal, kind: str = "ease") -> Model:
        return register_model(
            session,
            kind,
            _digest(f"model {name}"),
            model_id=_id(name),
            release=get_release(session, release),
            author=author,
            path=f"models/{name}",
            actor=SYSTEM,
            clock=self.clock,
        )

    def judged(self, session: Session, model: Model, outcome: str, name: str = "decision") -> GateRecord:
        """A stored gate decision with this outcome."""
        audit = register_report(
            session,
            model,
            _digest(f"report {model.id}"),
            path_json="r.json",
            path_html="r.html",
            actor=SYSTEM,
            clock=self.clock,
        )
        return record_decision(
            session,
            Decision(outcome=Outcome(outcome), findings=(), not_applicable=()),
            decision_id=_id(f"{name} {model.id}"),
            model=model,
            report=audit,
            policy_digest="cd" * 32,
            valid_days=90,
            actor=SYSTEM,
            clock=self.clock,
        )


def _digest(name: str) -> str:
    return _id(name).hex * 2


def measured(  # noqa: PLR0917 - reads as the row of a table
    metric: str,
    value: float,
    low: float,
    high: float,
    attribute: str | None = None,
    category: str | None = None,
) -> Measurement:
    """A figure over 1,000 subjects."""
    return Measurement(
        metric=metric,
        attribute=attribute,
        category=category,
        group=None,
        value=value,
        low=low,
        high=high,
        pointwise_low=low,
        pointwise_high=high,
        standard_error=(high - low) / 6,
        n=1000,
        target=None,
        undefined=None,
    )


def report(*measurements: Measurement) -> Report:
    """A report made as the shipped policy asks, with fully labelled genres and origins, and its groups as measured."""
    groups = {each.group: each.n for each in measurements if each.group is not None}
    return Report(
        measurements=measurements,
        differences=(),
        group_spreads=(),
        unknown_labels=tuple(UnknownLabels(attribute=a, catalogue=0.0, exposure=0.0) for a in ("genre", "origin")),
        lorenz=tuple(i / 50 for i in range(51)),
        k=20,
        attention="logarithmic",
        attention_formula="1 / log2(rank + 1)",
        subjects=1000,
        subjects_with_targets=1000,
        items=500,
        level=0.95,
        replicates=1000,
        seed=20260101,
        critical_value=3.0,
        critical_value_error=0.01,
        resampling="subjects, Poisson weights",
        caveats=(),
        model_digest="ab" * 32,
        inputs_digest="cd" * 32,
        group_sizes=tuple(GroupSize(group=name, subjects=n, merged=False) for name, n in groups.items()),
    )
