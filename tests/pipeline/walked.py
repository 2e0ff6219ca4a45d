"""Homes in which a proposal is on its way, and policies that all models meet, or none."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from governance.access.principals import add_principal
from governance.access.tables import Principal
from governance.clock import system_clock
from governance.ledger.search import Filter, follow
from governance.pipeline.home import Home, initialise, open_home
from governance.pipeline.release import Walk, set_out
from governance.resources import policies_dir
from governance.review.board import get_review, vote
from governance.review.proposals import get_proposal
from governance.settings import load_settings

RULES = """\
list_length: 10
attention: logarithmic
replicates: 200
confidence: 0.95
seed: 1
max_unknown_share: 0.99
decision_valid_days: 30
rules:
  - id: in-use
    metric: METRIC
    comparison: COMPARISON
    limit: LIMIT
    level: error
    rationale: seen
    approved_by: board
"""


LENIENT = {"METRIC": "coverage", "COMPARISON": "at_least", "LIMIT": "0.01"}
STRICT = {"METRIC": "exposure_gini", "COMPARISON": "at_most", "LIMIT": "0.001"}
"""What every model meets, and what none does."""


def write_policies(folder: Path, rule: dict[str, str]) -> None:
    """The shipped policies with this one rule of fairness."""
    shutil.copytree(policies_dir(), folder, dirs_exist_ok=True)
    text = RULES
    for name, value in rule.items():
        text = text.replace(name, value)
    (folder / "fairness.yaml").write_text(text)


@dataclass(frozen=True)
class Walked:
    """A home where a proposal has come to some point, to copy."""

    folder: Path
    proposal: UUID
    names: tuple[str, ...]


def copied(folder: Path, to: Path) -> Home:
    return open_home(load_settings(shutil.copytree(folder, to / "home")), clock=system_clock)


def setting_out(home: Home, kind: str = "ease") -> Walk:
    engineer = person(home, "engineer", "engineer")
    proposal = set_out(home, proposal_id=uuid4(), kind=kind, model_id=None, walker=engineer)
    return Walk(home=home, proposal=proposal, walker=engineer, new_id=uuid4)


def taken_up(walked: Walked, to: Path) -> Walk:
    home = copied(walked.folder, to)
    with home.transaction() as session:
        proposal = get_proposal(session, walked.proposal)
        walker = session.get_one(Principal, proposal.author_id)
    return Walk(home=home, proposal=proposal, walker=walker, new_id=uuid4)


def person(home: Home, name: str, *roles: str) -> Principal:
    policy, clock = home.policies.access.value, home.clock
    with home.transaction() as session:
        return add_principal(
            session, name, roles, principal_id=uuid4(), policy=policy, actor="role:operator", clock=clock
        )


def approve(home: Home) -> None:
    with home.transaction() as session:
        review_id = UUID(str(follow(session, Filter(kinds=("review.opened",)))[-1].body["review"]))
    for name in ("ann", "ben"):
        member = person(home, f"{name} {uuid4()}", "board")
        with home.transaction() as session:
            rule = home.policies.access.value.review
            vote(session, get_review(session, review_id), member, "approve", policy=rule, clock=home.clock)


def kinds_in(home: Home) -> list[str]:
    with home.transaction() as session:
        return [entry.kind for entry in follow(session, limit=1000)]


def again(walk: Walk) -> dict[str, bool]:
    return {step.name: step.again for step in walk.steps()}


def stricter(home: Home) -> Home:
    """The same home under a policy that no model meets."""
    write_policies(home.settings.home / "policies", STRICT)
    return initialise(load_settings(home.settings.home), clock=system_clock)
