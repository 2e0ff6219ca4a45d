"""One example of each kind of ledger event, and the program that freezes a new one.

It is run as `python -m tests.governance.event_examples`.

A vector that exists is never written again: what was published stays readable for ever.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from governance.access.events import PrincipalAdded, TokenIssued, TokenRevoked
from governance.attest.events import AttestationMade, AttestationWithdrawn
from governance.budget.events import BudgetCancelled, BudgetReadingBegun, BudgetReserved, BudgetSpent
from governance.consent.events import ConsentsRecorded, NoticePublished
from governance.evidence.events import EvidenceExported
from governance.gate.events import (
    AlertAcknowledged,
    AlertRaised,
    GateDecided,
    WaiverApproved,
    WaiverAsked,
    WaiverExpired,
    WaiverGranted,
    WaiverWithdrawn,
)
from governance.keys.events import KeyRotated
from governance.ledger.entry import encode_entry
from governance.ledger.events import CheckpointWitnessed, EvidenceOpened
from governance.policy.events import PolicyInForce
from governance.registry.events import (
    AttackRecorded,
    AuditDisclosed,
    AuditRecorded,
    AuditReleased,
    BatchIngested,
    BatchQuarantined,
    CatalogueChanged,
    ModelRegistered,
    ReleaseMade,
    RetentionEnforced,
    SnapshotTaken,
    SumsDestroyed,
    SumsKept,
    SumsReduced,
)
from governance.reidentification.events import (
    ReidentificationApproved,
    ReidentificationAsked,
    ReidentificationUsed,
)
from governance.review.events import (
    ModelDeployed,
    ModelRolledBack,
    ReleaseProposed,
    ReviewClosed,
    ReviewOpened,
    ReviewSuperseded,
    VoteCast,
)
from governance.rights.events import (
    ErasureCertified,
    ErasureStarted,
    RequestExtended,
    RequestFulfilled,
    RequestMoved,
    RequestReceived,
    RequestRefused,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "events"
ONE, TWO, THREE = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
DIGEST = "ab" * 32
COMMITMENT = "77b6b0754eaf90f0aa9f215e6ec509ddf67f0878d2c92638db970600f85cc5bd"
GUARANTEE = {
    "epsilon": 5.0,
    "delta": 1e-06,
    "mu": 1.0,
    "unit": "subject",
    "neighbouring": "add or remove one subject",
    "accountant": "Gaussian DP",
    "mechanism": "discrete Gaussian",
}

EXAMPLES: tuple[Any, ...] = (
    PolicyInForce(name="privacy.yaml", digest=DIGEST),
    PrincipalAdded(principal=ONE, roles=("board", "engineer")),
    TokenIssued(token=ONE, principal=TWO, expires_on=None),
    TokenRevoked(token=ONE, principal=TWO),
    NoticePublished(notice="v1", language="en", digest=DIGEST),
    ConsentsRecorded(
        batch=ONE, recorded={"model_training:grant": 2}, late=1, repeated=0, methods={"banner": 1, "gpc": 1}
    ),
    BatchIngested(
        batch="2026-11-23/1", written={"view": 3}, dropped={"no consent": 1}, quarantined=2, lake_versions={"view": 0}
    ),
    CatalogueChanged(catalogue=DIGEST, items=900),
    BudgetReserved(
        reservation=ONE,
        population="subscribers",
        purpose="model_training",
        epsilon=5.0,
        delta=1e-06,
        mu=1.0,
        composed_epsilon=5.0,
        budget_epsilon=10.0,
        sampled=({"noise_multiplier": 2.0, "sampling_rate": 0.5, "steps": 4},),
    ),
    BudgetReadingBegun(reservation=ONE),
    BudgetSpent(reservation=ONE, release=DIGEST),
    BudgetCancelled(reservation=ONE),
    SnapshotTaken(snapshot=ONE, manifest=DIGEST, subjects=4800),
    ReleaseMade(release=DIGEST, snapshot=ONE, reservation=TWO, guarantee=GUARANTEE),
    ModelRegistered(
        model=ONE,
        model_kind="ease",
        digest=DIGEST,
        release=DIGEST,
        parent=None,
        author=TWO,
        prices={"origin=european": 0.06},
        price_file=DIGEST,
        mitigation_report=DIGEST,
    ),
    AuditRecorded(model=ONE, report=DIGEST),
    AuditDisclosed(model=ONE, report=DIGEST, document="cd" * 32, at_least=20),
    AuditReleased(model=ONE, release="cd" * 32, reservation=TWO, guarantee=GUARANTEE),
    AttackRecorded(
        model=ONE,
        release="cd" * 32,
        report=DIGEST,
        epsilon=3.0,
        delta=1e-06,
        lower_bound=1.25,
        confidence=0.95,
        canaries=4000,
        refuted=False,
        undecided=True,
    ),
    GateDecided(
        decision=ONE,
        model=TWO,
        report=DIGEST,
        policy=DIGEST,
        outcome="fail",
        failed=("european-works (origin = european)",),
        inconclusive=(),
    ),
    AlertRaised(
        alert=ONE,
        alert_kind="verdict",
        model=TWO,
        decision=THREE,
        before="pass",
        after="fail",
        changed=("every-genre-visible (genre = Western)",),
    ),
    AlertAcknowledged(alert=ONE, model=TWO),
    ReleaseProposed(proposal=ONE, model_kind="ease", model="", snapshot=TWO, training=THREE, attempt=1),
    ReviewOpened(review=ONE, model=TWO, author=THREE, decision=ONE),
    ReviewSuperseded(review=ONE, model=TWO, decision=THREE),
    VoteCast(review=ONE, voter=TWO, choice="approve", revision=0, model=THREE),
    ReviewClosed(review=ONE, model=TWO, outcome="approved", approvals=2),
    ModelDeployed(model=ONE, deployment=2, generation=2, replaced=TWO),
    ModelRolledBack(model=ONE, deployment=3, generation=1, undone=2, reason="quality"),
    RequestReceived(
        request=ONE,
        right="erasure",
        regime="gdpr",
        received_on="2026-11-23",
        due_on="2026-12-23",
        manner="account_page",
        commitment=COMMITMENT,
    ),
    RequestMoved(request=ONE, state="acknowledged", due_on="2026-12-23", commitment=COMMITMENT),
    RequestExtended(
        request=ONE,
        right="erasure",
        regime="gdpr",
        reason="complexity",
        extended_on="2026-12-01",
        due_on="2027-02-23",
        commitment=COMMITMENT,
    ),
    RequestFulfilled(
        request=ONE,
        right="access",
        regime="gdpr",
        received_on="2026-11-23",
        fulfilled_on="2026-11-24",
        manner="email",
        response="copy_provided",
        commitment=COMMITMENT,
    ),
    RequestRefused(
        request=ONE,
        right="access",
        regime="ccpa",
        received_on="2026-11-23",
        refused_on="2026-11-24",
        ground="no_match",
        manner="agent",
        response="denied",
        commitment=None,
    ),
    ErasureStarted(request=ONE, stores=("vault", "lake", "consents", "snapshots", "openings"), commitment=COMMITMENT),
    ErasureCertified(request=ONE, certificate=DIGEST, models=1, retrain_by="2027-02-21"),
    RetentionEnforced(events={"search": 12, "view": 3}, quarantine=2, packages=1, requests=4, openings=17),
    KeyRotated(
        key="ledger",
        old="8c52eb81",
        new="a3b1c4d5",
        public="probity.example/ledger+a3b1c4d5+AQ==",
        retired="kept",
        ground="scheduled",
    ),
    BatchQuarantined(batch="2026-11-23/1", lines=2, reasons={"malformed": 1, "unknown item": 1}, text="sealed"),
    WaiverAsked(
        waiver=ONE,
        rule="european-works",
        category="european",
        group=None,
        worst_value=0.25,
        expires_on="2026-12-31",
        reason=DIGEST,
    ),
    WaiverApproved(waiver=ONE, approver=TWO),
    WaiverWithdrawn(waiver=ONE, withdrawer=TWO, reason=DIGEST),
    WaiverGranted(
        waiver=ONE,
        model=TWO,
        decision=THREE,
        rules=("european-works (origin = european)",),
        approvals=2,
        expires_on="2026-12-23",
    ),
    WaiverExpired(waiver=ONE, model=TWO, expires_on="2026-12-23", model_state="deployed"),
    ReidentificationAsked(
        case=ONE, domain="events", ground="incident", valid_until="2026-11-30", commitment=COMMITMENT
    ),
    ReidentificationApproved(case=ONE, approver=TWO, commitment=COMMITMENT),
    ReidentificationUsed(case=ONE, outcome="answered", commitment=COMMITMENT),
    EvidenceOpened(commitment=COMMITMENT, ground="supervisory_authority", roles=("auditor",)),
    CheckpointWitnessed(size=70_000, root=DIGEST, witnesses={"witness.example/w1+85ecc407": 1_795_521_600}),
    EvidenceExported(pack=DIGEST, first_day="2026-11-01", last_day="2026-11-30", entries=412, checkpoint=1733),
    SumsKept(release=DIGEST, days=30),
    SumsReduced(release=DIGEST),
    SumsDestroyed(release=DIGEST, ground="expired"),
    AttestationMade(
        attestation=DIGEST,
        predicate_type="https://slsa.dev/verification_summary/v1",
        artefact="cd" * 32,
        about=ONE,
        key="ef" * 32,
    ),
    AttestationWithdrawn(
        attestation=DIGEST,
        predicate_type="https://slsa.dev/verification_summary/v1",
        artefact="cd" * 32,
        about=ONE,
        reason="mistaken",
    ),
)


def encoded(event: Any) -> bytes:  # noqa: ANN401 - any event
    """The entry that an example becomes, always by the same actor at the same moment."""
    at = datetime(2026, 11, 23, 12, 30, 15, tzinfo=UTC)
    return encode_entry(event, actor="role:system", entry_id=UUID(THREE), at=at)


def vector_path(event: Any) -> Path:  # noqa: ANN401 - any event
    """Where the frozen bytes of this kind and version lie."""
    return VECTORS / f"{event.kind}.{event.version}.json"


if __name__ == "__main__":
    for example in EXAMPLES:
        if not vector_path(example).exists():
            vector_path(example).write_bytes(encoded(example))
            sys.stdout.write(f"{vector_path(example).name}\n")
