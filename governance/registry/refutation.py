"""When an attack's report refutes the guarantee that it was made against: decided here, for everybody who says so."""

from collections.abc import Mapping
from typing import Any

from audits.privacy import SURE


def refutes(report: Mapping[str, Any]) -> bool:
    """Whether something was found that the guarantee excludes, by canaries or by inferring membership.

    Args:
        report: as `probity audit privacy` stores it. Canaries refute by a bound on epsilon above the claimed one; an
            attacker on membership by a chance of telling a member from another of which even the lower end is above
            what the guarantee allows. An interval that could not be worked out (``low`` None) refutes nothing.
    """
    canaries = report["privacy_attack"]
    if canaries["lower_bound"] > canaries["epsilon"]:
        return True
    lowest = (each["area"]["low"] for each in report.get("membership", ()))
    return any(low is not None and low > report["largest_area_allowed"] for low in lowest)


def undecides(report: Mapping[str, Any]) -> bool:
    """Whether nothing refutes the guarantee, but the canaries may well have missed half of the noise.

    So too where the report does not say how likely they were to find it.
    """
    chance = report["privacy_attack"].get("chance")
    return not refutes(report) and (chance is None or chance < SURE)
