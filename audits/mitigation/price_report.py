"""Prices measured on subjects they were not fitted on: utility kept, by whom, and exposure, before and after."""

from collections.abc import Sequence

import numpy as np

from audits.bootstrap import Resampling
from audits.mitigation.compared_lists import Lists, Shown, compare, require_fit
from audits.mitigation.held_out import HeldOut
from audits.mitigation.prices import PriceFit, serve
from audits.mitigation.problem import Floats
from audits.mitigation.report import Certificate, MitigationReport


def report_on(
    fit: PriceFit,
    groups: Floats,
    catalogue_shares: Floats,
    attention: Floats,
    held_out: HeldOut,
    *,
    resampling: Resampling,
    caveats: Sequence[str] = (),
) -> MitigationReport:
    """Measure prices on held-out subjects.

    Where a group's utility before is not positive there is nothing to keep a part of, and its figures are None.

    ``groups`` (m, G) are the category shares of the items that scores are of, ``catalogue_shares`` (G,) those of the
    whole catalogue, ``attention`` (k,) the weights of the ranks.

    Raises:
        InvalidConfig: shapes that do not fit the prices.

    Guarantees:
      - subjects that the prices were fitted on are refused, not measured
      - equal input gives equal bytes
    """
    shown = Shown.of(fit, groups, catalogue_shares, attention)
    require_fit(held_out, shown)
    lists = Lists(
        before=serve(held_out.scores, np.zeros(groups.shape[0]), attention.size, held_out.excluded),
        after=serve(held_out.scores, fit.item_prices(groups), attention.size, held_out.excluded),
    )
    found = compare(lists, shown, held_out, resampling=resampling)
    return MitigationReport(
        certificate=certificate_of(fit),
        utility=found.utility,
        exposure=found.exposure,
        ratios=found.ratios,
        k=attention.size,
        subjects=len(held_out.subjects),
        fitted_on=fitted_on(fit, held_out),
        level=resampling.level,
        replicates=resampling.replicates,
        seed=resampling.seed,
        caveats=tuple(caveats),
    )


def fitted_on(fit: PriceFit, held_out: HeldOut) -> str:
    """What the prices were fitted on, in words."""
    return f"{fit.subjects:,} {'other' if held_out.fitted_on else 'synthetic'} subjects"


def certificate_of(fit: PriceFit) -> Certificate:
    """What the fit proves."""
    return Certificate(
        subjects=fit.subjects,
        unconstrained_utility=fit.unconstrained_utility,
        utility=fit.utility,
        bound=fit.bound,
        gap=fit.gap,
        largest_violation=fit.largest_violation,
        converged=fit.converged,
        evaluations=fit.evaluations,
    )
