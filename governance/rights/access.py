"""Access (GDPR Art. 15, Civ. Code 1798.110): everything about one subject, readable, sealed for them alone.

Governance hands pseudonymised parts to the identity plane, which adds the subject's own identifiers and seals the
package.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from governance.consent.state import list_decisions
from governance.errors import NotFound
from governance.policy.policies import Policies
from governance.registry.lineage import generations_that_saw
from governance.rights.cases import told
from governance.rights.requests import day_of
from governance.rights.work import Handover, Right, Stage, Task, Tools, package_path
from pseudonymisation.disclosure import compose_package
from pseudonymisation.durable import sync_folder
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.schema import EVENT_KINDS

INTERNAL = frozenset({"event_id", "subject", "bucket"})
"""Columns that say nothing about the subject but how rows are stored."""

REGULATORS: Mapping[str, str] = {
    "gdpr": (
        "You may complain to the data protection authority of the country where you live or work (GDPR Art. 77), and "
        "go to court (Art. 79)."
    ),
    "ccpa": "You may complain to the California Privacy Protection Agency or the Attorney General of California.",
}

PROFILING = (
    (
        "Recommendations come from a linear model. Each title that you watched or rated highly adds its own share to "
        "the score of each other title; the titles with the largest sums are shown. The shares are printed beside each "
        "recommendation and sum to its score."
    ),
    (
        "How strongly two titles are linked was measured over all subjects together, with random noise added to the "
        "measurement, so that a model says next to nothing about whether you were part of it; the bound stands beside "
        "each model below. Your own history is read only to order your own list."
    ),
    (
        "Some categories of titles carry a surcharge or discount that is the same for everybody, so that no category "
        "is hidden; where one applies it is printed."
    ),
    "No decision with legal or similarly significant effect is made (GDPR Art. 22).",
)


def compose(session: Session, tools: Tools, task: Task) -> Handover:
    """Gather the parts, seal them, and lay the package ready. The key is returned here and stored nowhere.

    Raises:
        NotFound: no living subject has the request's pseudonym.
    """
    parts = _parts(session, tools, task)
    sealed = compose_package(tools.vault, task.subject, parts)
    path = package_path(tools.packages, task.request)
    _write(path, sealed.ciphertext)
    return Handover(package=path, key=sealed.key)


def _parts(session: Session, tools: Tools, task: Task) -> dict[str, Any]:
    events, consent = (_translate(tools, task, domain) for domain in ("events", "consent"))
    policies = tools.policies
    return {
        "request": {
            "right": task.request.right,
            "regime": task.request.regime,
            "received_on": day_of(task.request.received_at).isoformat(),
            "answered_on": day_of(tools.clock()).isoformat(),
        },
        "controller": {
            "name": policies.purposes.value.controller,
            "contact": policies.purposes.value.contact,
        },
        "purposes": _purposes(policies),
        "recipients": sorted(
            {recipient for purpose in policies.purposes.value.purposes.values() for recipient in purpose.recipients}
        ),
        "retention": [{"data": kind, "days": days} for kind, days in policies.retention.value.events_days.items()],
        "consents": _consents(session, consent),
        "events": {kind.name: _events(tools, kind.name, events) for kind in EVENT_KINDS},
        "recommendations": tools.recommendations(session, events),
        "profiling": list(PROFILING),
        "models": _models(session, events),
        **told(session, task.subject, policies.access.value.reidentification),
        "rights": [
            {"title": right.title, "articles": list(right.articles)} for right in policies.rights.value.rights.values()
        ],
        "complaint": REGULATORS.get(task.request.regime, REGULATORS["gdpr"]),
    }


def _translate(tools: Tools, task: Task, domain: str) -> Pseudonym:
    found = tools.vault.translate([task.subject], source="rights", target=domain)
    if task.subject not in found:
        msg = f"request {task.request.id}: no living subject has its pseudonym; refuse it with the ground no_match"
        raise NotFound(msg)
    return found[task.subject]


def _purposes(policies: Policies) -> list[dict[str, Any]]:
    return [
        {
            "purpose": slug,
            "title": purpose.title,
            "explanation": purpose.explanation.strip(),
            "legal_basis": purpose.legal_basis,
            "recipients": list(purpose.recipients),
            "sale_or_sharing": purpose.sale_or_sharing,
            "data": {kind: list(fields) for kind, fields in _fields_for(policies, slug).items()},
        }
        for slug, purpose in policies.purposes.value.purposes.items()
    ]


def _fields_for(policies: Policies, slug: str) -> Mapping[str, tuple[str, ...]]:
    rule = policies.minimisation.value.purposes.get(slug)
    return {} if rule is None else rule.events


def _consents(session: Session, subject: str) -> list[dict[str, Any]]:
    return [
        {
            "purpose": row.purpose,
            "choice": row.choice,
            "decided_at": row.decided_at.isoformat(),
            "notice": row.notice,
            "method": row.method,
            "in_force": row.in_force,
        }
        for row in list_decisions(session, subject)
    ]


def _events(tools: Tools, kind: str, subject: Pseudonym) -> list[dict[str, Any]]:
    rows = tools.lake.scan(kind, subjects=[subject]).sort_by("at").to_pylist()
    return [{name: _readable(value) for name, value in row.items() if name not in INTERNAL} for row in rows]


def _readable(value: Any) -> Any:  # noqa: ANN401 - a cell of any column
    return value.isoformat() if isinstance(value, datetime) else value


def _models(session: Session, subject: str) -> list[dict[str, Any]]:
    return [
        {
            "kind": exposure.kind,
            "state": exposure.state,
            "generation": exposure.generation,
            "guarantee": dict(exposure.guarantee),
        }
        for exposure in generations_that_saw(session, subject)
    ]


def _write(path: Path, content: bytes) -> None:
    """Write durably under its final name or not at all; readable by the owner only."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


ACCESS = Right(slug="access", response="copy_provided", stages=(Stage("compose", compose),))
