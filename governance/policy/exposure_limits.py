"""The limits on exposure that a fairness policy's rules amount to, category by category."""

from audits.categories import UNKNOWN, Categories
from governance.policy.rules import FairnessPolicy, FairnessRule

Name = tuple[str, str]
"""Attribute and category."""


def limited_attributes(policy: FairnessPolicy, present: frozenset[str]) -> list[str]:
    """The attributes of the catalogue that rules speak of, sorted."""
    return sorted({rule.attribute for rule in policy.rules if rule.attribute} & present)


def exposure_limits(whole: Categories, policy: FairnessPolicy) -> dict[Name, tuple[float, float]]:
    """Floor and ceiling of each category's share of the attention, at what the rules aim at.

    ``whole`` are the categories of the whole catalogue; titles without a label have no limits.
    """
    limits = {}
    for name, catalogue_share in zip(whole.names, whole.catalogue_shares, strict=True):
        lower, upper = 0.0, 1.0
        for rule in policy.rules:
            if _covers(rule, name, float(catalogue_share)):
                scale = float(catalogue_share) if rule.metric == "exposure_ratio" else 1.0
                floor, ceiling = rule.aims
                if floor is not None:
                    lower = max(lower, min(floor * scale, 1.0))
                if ceiling is not None:
                    upper = min(upper, ceiling * scale)
        limits[name] = (lower, upper)
    return limits


def _covers(rule: FairnessRule, name: Name, catalogue_share: float) -> bool:
    attribute, category = name
    if category == UNKNOWN:  # the gate asks nothing of titles without a label, so nothing may be paid for them
        return False
    asked = rule.level == "error" and rule.metric in {"exposure_share", "exposure_ratio"} and rule.group is None
    if not asked or rule.attribute != attribute or rule.category not in {None, category}:
        return False
    return rule.category is not None or catalogue_share >= rule.min_catalogue_share
