"""Exposure prices for anybody's scores, and the price file and report that follow: no home, no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from audits.categories import Categories, categories_of
from audits.mitigation.held_out import HeldOut
from audits.mitigation.price_report import report_on
from audits.mitigation.prices import PriceFit, fit_prices
from audits.mitigation.report import MitigationReport
from audits.scores import ScoreMatrix
from audits.tables import Membership
from governance.errors import Conflict
from governance.pipeline.scored import Progress, Scored, caveats, divided, resampling_of
from governance.policy.exposure_limits import exposure_limits, limited_attributes
from governance.policy.loader import Loaded
from governance.policy.rules import FairnessPolicy
from recommender.price_file import CategoryPrice, Certificate, PriceFile, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """Prices with the file that serving loads and the report on subjects they were not fitted on."""

    fit: PriceFit
    file: PriceFile
    report: MitigationReport


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """Prices with the categories they are for, the subjects they were fitted on, and those kept aside."""

    fit: PriceFit
    whole: Categories
    on: ScoreMatrix
    held_out: HeldOut


def limited_categories(
    membership: Membership, items: Sequence[str], policy: FairnessPolicy
) -> tuple[Categories, np.ndarray, np.ndarray]:
    """The categories that rules may limit, with floor and ceiling of each.

    Raises:
        Conflict: no exposure rule of the policy applies to this catalogue.
    """
    attributes = limited_attributes(policy, frozenset(membership.attributes))
    if attributes:
        whole = categories_of(membership, items, attributes)
        limits = exposure_limits(whole, policy)
        lower, upper = (np.array([limits[name][side] for name in whole.names]) for side in (0, 1))
        if (lower > 0).any() or (upper < 1).any():
            return whole, lower, upper
    msg = "no exposure rule of the policy applies to this catalogue: there is nothing to price"
    raise Conflict(msg)


def fit_scored(scored: Scored, *, progress: Progress | None = None) -> Fitted:
    """Fit prices on the subjects that are not kept aside.

    Raises:
        Conflict: no exposure rule of the policy applies to this catalogue.
        InvalidConfig: too few subjects to fit on or to measure on, or a list longer than what is scored.
        InfeasibleLimits, PriceAtBox: no prices can meet the rules.
    """
    whole, lower, upper = limited_categories(scored.membership, scored.scores.items, scored.policy.value)
    parts = divided(scored)
    on = parts.on
    fit = fit_prices(
        on.scores, whole.groups, whole.names, scored.attention, lower, upper, excluded=on.excluded, progress=progress
    )
    return Fitted(fit=fit, whole=whole, on=on, held_out=parts.held_out)


def price_scores(scored: Scored, *, progress: Progress | None = None) -> Priced:
    """Fit prices on most subjects and measure them on the others.

    Raises:
        Conflict, InvalidConfig, InfeasibleLimits, PriceAtBox: see ``fit_scored``.
    """
    fitted = fit_scored(scored, progress=progress)
    report = report_on(
        fitted.fit,
        fitted.whole.groups,
        fitted.whole.catalogue_shares,
        scored.attention,
        fitted.held_out,
        resampling=resampling_of(scored.policy.value),
        caveats=caveats(quality=fitted.held_out.targets is not None),
    )
    file = price_file(fitted.fit, scored.policy, scored.inputs, unit=scored.unit)
    return Priced(fit=fitted.fit, file=file, report=report)


def price_file(fit: PriceFit, policy: Loaded[FairnessPolicy], inputs: Mapping[str, str], *, unit: Unit) -> PriceFile:
    """What serving loads: a price for every category with a limit."""
    lines = zip(fit.names, fit.prices, fit.lower, fit.upper, strict=True)
    return PriceFile(
        unit=unit,
        list_length=policy.value.list_length,
        attention=policy.value.attention,
        prices=tuple(
            CategoryPrice(attribute=name[0], category=name[1], price=price, floor=floor, ceiling=ceiling)
            for name, price, floor, ceiling in lines
            if price or floor > 0 or ceiling < 1
        ),
        certificate=Certificate(
            subjects=fit.subjects,
            unconstrained_utility=fit.unconstrained_utility,
            utility=fit.utility,
            bound=fit.bound,
            gap=fit.gap,
            largest_violation=fit.largest_violation,
        ),
        policy=policy.digest,
        inputs=tuple(sorted(inputs.items())),
    )
