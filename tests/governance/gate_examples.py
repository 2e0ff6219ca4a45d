"""Rules, waivers and policies with plain arguments, and figures that decide them."""

from dataclasses import replace
from datetime import date

from hypothesis import HealthCheck, settings

from audits.report import Measurement
from governance.policy.rules import FairnessPolicy, FairnessRule
from governance.policy.waivers import Waiver
from tests.governance.builders import measured

DAY = date(2026, 11, 26)
STEADY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes says how busy the machine is."""


def rule(comparison: str, **changes: object) -> FairnessRule:
    """A rule on the share of European titles."""
    fields: dict[str, object] = {
        "id": "works",
        "metric": "exposure_share",
        "attribute": "origin",
        "category": "european",
        "level": "error",
        "rationale": "r",
        "approved_by": "the board",
    }
    return FairnessRule(comparison=comparison, **{**fields, **changes})  # type: ignore[arg-type] # fields by name


def quality(comparison: str, **changes: object) -> FairnessRule:
    """A rule on the quality of lists."""
    return rule(comparison, **{"id": "quality", "metric": "ndcg", "attribute": None, "category": None, **changes})


def policy(*rules: FairnessRule, waivers: tuple[Waiver, ...] = ()) -> FairnessPolicy:
    return FairnessPolicy(
        list_length=20,
        attention="logarithmic",
        replicates=1000,
        confidence=0.95,
        seed=20260101,
        max_unknown_share=0.05,
        rules=rules,
        waivers=waivers,
    )


def waiver(worst_value: float = 0.2, **changes: object) -> Waiver:
    fields: dict[str, object] = {
        "id": "until-spring",
        "rule": "works",
        "worst_value": worst_value,
        "owner": "Olga",
        "author": "Ann",
        "approver": "Bob",
        "reason": "The licences of two studios ended.",
        "expires_on": date(2026, 12, 31),
    }
    return Waiver(**{**fields, **changes})  # type: ignore[arg-type] # fields by name


def european(value: float, half: float) -> Measurement:
    return replace(
        measured("exposure_share", value, value - half, value + half, "origin", "european"), standard_error=half / 3
    )


def of_group(group: str, value: float, half: float, **changes: object) -> Measurement:
    row = measured("ndcg", value, value - half, value + half)
    return replace(row, group=group, standard_error=half / 3, **changes)  # type: ignore[arg-type] # fields by name
