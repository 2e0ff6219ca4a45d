"""Audits of a registered model on subjects it was never trained on, and the gate's decision on the report."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from uuid import UUID

import numpy as np
import pyarrow as pa

from audits.configuration import AuditConfig
from audits.html import render
from audits.report import Report
from audits.run import run
from audits.tables import AuditInput, Membership, Recommendations
from governance.consent.state import allowed
from governance.consent.state import snapshot as consent_snapshot
from governance.errors import EmptySnapshot
from governance.gate.alerts import alert_if_changed
from governance.gate.check import asked_metrics, configuration
from governance.gate.decision import Decision, decide
from governance.gate.divisions import with_divisions
from governance.gate.granting import granted_to
from governance.gate.outputs import installed_version
from governance.gate.outputs.decided import Decided, PolicySource
from governance.gate.outputs.page import render as decision_page
from governance.gate.records import find_latest, record_decision
from governance.pipeline.artefacts import load_recommender
from governance.pipeline.attesting import Attesting, attest_audit, attest_audit_again, attest_decision
from governance.pipeline.catalogue import load_catalogue
from governance.pipeline.declared import declared_groups
from governance.pipeline.home import OPERATOR, Home
from governance.pipeline.interactions import read_interactions
from governance.pipeline.snapshot import SPLIT_SALT
from governance.policy.granted import require_ending_in
from governance.policy.rules import FairnessPolicy
from governance.registry.attacks import find_membership_inference, find_privacy_attack
from governance.registry.models import get_model, latest_report, register_report
from governance.registry.reports import page_path, read_report, title_of
from governance.registry.tables import AuditRecord, Model
from pseudonymisation.durable import write_atomically
from pseudonymisation.pseudonym import Pseudonym
from recommender.interactions import Interactions, interactions_from
from recommender.split import fold_in, hold_out

Progress = Callable[[int, int], None]
Noting = Callable[[Sequence[str]], Sequence[str]]
SHOWN = frozenset(
    {
        "exposure_share",
        "exposure_ratio",
        "exposure_gini",
        "coverage",
        "popularity_lift",
        "ndcg",
        "recall",
        "privacy_leak",
        "membership_inference",
    }
)
"""What every report on a model shows, whatever the rules ask for."""
BY_GROUP = frozenset({"ndcg_gap", "worst_ndcg", "ndcg_ratio"})
"""And besides, where subjects declared groups: how far apart these are, and the worst of them."""
FEWEST_ITEMS = 5
"""A held-out subject needs that many interactions, so that one can be shown to the model and one be looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A stored report with the figures in it."""

    record: AuditRecord
    report: Report


def held_out_interactions(home: Home, *, noting: Noting = tuple) -> Interactions:
    """The histories of subjects who consent to training and whom the policy keeps out of it, over the whole catalogue.

    Whoever objected to the audit's own purpose (GDPR Art. 21) is left out. ``noting`` is told who is left before
    anything is read, and says whom of them to read.

    Raises:
        EmptySnapshot: there is nobody with five interactions or more.
    """
    willing = _willing(home)
    _, held_out = hold_out(willing, home.policies.privacy.value.held_out_share, salt=SPLIT_SALT)
    return _histories(home, noting(held_out), "held-out subject")


def audited_interactions(home: Home, among: Collection[str]) -> Interactions:
    """The same of those ``among`` (events domain) who consent to training and have not objected to audits.

    Raises:
        EmptySnapshot: there is nobody with five interactions or more.
    """
    return _histories(home, [subject for subject in _willing(home) if subject in among], "subject asked for")


def _willing(home: Home) -> list[str]:
    """Pseudonyms (events domain) of those who consent to training and have not objected to audits."""
    purposes = home.policies.purposes.value
    with home.transaction() as session:
        consenting = consent_snapshot(session, purposes.training).subjects
        willing = allowed(session, purposes.auditing, consenting, policy=purposes)
    consents = [Pseudonym(subject) for subject, may in zip(consenting, willing, strict=True) if may]
    return list(home.vault.translate(consents, source="consent", target="events").values())


def _histories(home: Home, subjects: Sequence[str], who: str) -> Interactions:
    purpose = home.policies.purposes.value.training
    pairs = read_interactions(home, [Pseudonym(subject) for subject in subjects], purpose=purpose)
    items = load_catalogue(home.settings.folder("catalogue")).items["item"].to_pylist()
    found = interactions_from(pairs, items, subjects=sorted(subjects))
    enough = found.rows(found.lengths >= FEWEST_ITEMS)
    if not enough.subjects:
        msg = f"no {who} has {FEWEST_ITEMS} interactions: an audit needs some"
        raise EmptySnapshot(msg)
    return enough


def audit_model(home: Home, model_id: UUID, *, progress: Progress | None = None) -> Audited:
    """Measure a model's lists for held-out subjects; the report is stored as JSON and HTML and registered.

    What the newest attack on the model's release showed stands in it as well, and what inferring membership from the
    model did.

    Raises:
        NotFound: no such model.
        BrokenProof: the stored report of that attack is not the one that was registered.
        CorruptArtefact: the model's files are not those that were registered.
        EmptySnapshot: nobody to audit on.
    """
    policy = home.policies.fairness.value
    with home.transaction() as session:
        model = get_model(session, model_id)
        attack = find_privacy_attack(session, home.settings.home, model)
        inference = find_membership_inference(session, home.settings.home, model)
    given = replace(audit_input(home, model, policy), attack=attack, inference=inference)
    config = with_divisions(configuration(policy, given.membership, model_digest=model.digest), policy, given)
    shown = SHOWN if given.subject_groups is None else SHOWN | BY_GROUP
    config = replace(config, metrics=asked_metrics(policy, given, config, also=shown))
    report = run(given, config=config, progress=progress)
    return Audited(record=_store(home, model, report, config), report=report)


def audit_input(home: Home, model: Model, policy: FairnessPolicy) -> AuditInput:
    """The lists that the model makes from four fifths of each held-out history, and the rest of it as targets.

    Beside them stands what the held-out subjects declare of themselves, which the model is not shown.
    """
    catalogue = load_catalogue(home.settings.folder("catalogue"))
    shown, targets = fold_in(held_out_interactions(home), rng=np.random.default_rng(policy.seed))
    lists = load_recommender(home, model).recommend(shown, policy.list_length)
    items = catalogue.items["item"].to_pylist()
    counts = np.asarray(shown.matrix.sum(axis=0)).ravel()
    return AuditInput(
        recommendations=Recommendations(lists),
        membership=Membership(catalogue.categories),
        items=items,
        relevance=pairs_of(targets),
        history=pairs_of(shown),
        popularity=pa.table({"item": pa.array(shown.items), "count": pa.array(counts.astype(np.int64))}),
        subject_groups=declared_groups(home, shown.subjects),
    )


def decide_on(home: Home, model_id: UUID, *, decision_id: UUID) -> Decision:
    """Let the gate decide on the model's latest report.

    The decision is stored, logged, attested and written into the report's page, and what the audit found is
    attested anew, by the policy that is in force now.

    Raises:
        NotFound: no such model.
        Unaudited: no report on it.
        BrokenProof: the stored report is not the one that was registered.
        PolicyError: a waiver in the policy ends more than a year from now.
    """
    fairness, now = home.policies.fairness, home.clock()
    _require_ending(home)
    with home.transaction() as session:
        model = get_model(session, model_id)
        record = latest_report(session, model)
        report = Report.from_json(read_report(home.settings.home, record))
        granted = granted_to(session, fairness.value, model)
        decision = decide(fairness.value, report, today=now.date(), waivers=granted)
        page = decision_page(_decided(home, model, report, decision))
        write_atomically(home.settings.home / page_path(page), page)
        record.path_html = page_path(page)
        before = find_latest(session, model)
        decided = record_decision(
            session,
            decision,
            decision_id=decision_id,
            model=model,
            report=record,
            policy_digest=fairness.digest,
            valid_days=fairness.value.decision_valid_days,
            actor=OPERATOR,
            clock=lambda: now,  # whoever works the decision out again takes its day from its entry
        )
        alert_if_changed(session, model, before, decided, actor=OPERATOR, clock=home.clock)
        by = Attesting(session=session, home=home)
        made = attest_audit_again(by, model, record, decision)
        attest_decision(by, model, made, decision, decided.decided_at)
    return decision


def decided_on(home: Home, model_id: UUID, decision: Decision) -> Decided:
    """A decision that was just made on a model's latest report, with what it rests on, to hand out in any format.

    Raises:
        NotFound: no such model.
        Unaudited: no report on it.
        BrokenProof: the stored report is not the one that was registered.
    """
    with home.transaction() as session:
        model = get_model(session, model_id)
        report = Report.from_json(read_report(home.settings.home, latest_report(session, model)))
        return _decided(home, model, report, decision)


def _decided(home: Home, model: Model, report: Report, decision: Decision) -> Decided:
    fairness = home.policies.fairness
    return Decided(
        decision=decision,
        report=report,
        source=PolicySource(policy=fairness.value, text=fairness.text, path=f"policies/{fairness.name}"),
        title=title_of(model),
        command=f"probity gate run --model {model.id}",
        version=installed_version(),
    )


def _store(home: Home, model: Model, report: Report, config: AuditConfig) -> AuditRecord:
    encoded, page = report.to_json(), render(report, title=title_of(model)).encode()
    digest = hashlib.sha256(encoded).hexdigest()
    _require_ending(home)
    home.folder("reports")
    write_atomically(home.settings.home / f"reports/{digest}.json", encoded)
    write_atomically(home.settings.home / page_path(page), page)
    with home.transaction() as session:
        record = register_report(
            session,
            get_model(session, model.id),
            digest,
            path_json=f"reports/{digest}.json",
            path_html=page_path(page),
            actor=OPERATOR,
            clock=home.clock,
        )
        by = Attesting(session=session, home=home)
        policy = home.policies.fairness.value
        waivers = granted_to(session, policy, model)
        decision = decide(policy, report, today=home.clock().date(), waivers=waivers)
        attest_audit(by, model, record, config, decision)
    return record


def _require_ending(home: Home) -> None:
    fairness = home.policies.fairness
    require_ending_in(PurePath("policies") / fairness.name, fairness.value.waivers, home.clock().date())


def pairs_of(interactions: Interactions) -> pa.Table:
    """One row for each interaction: subject and item."""
    rows, columns = interactions.matrix.nonzero()
    return pa.table(
        {
            "subject": pa.array(interactions.subjects).take(pa.array(rows)),
            "item": pa.array(interactions.items).take(pa.array(columns)),
        }
    )
