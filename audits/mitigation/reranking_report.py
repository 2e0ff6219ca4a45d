"""An option for single lists measured on held-out subjects: what it costs, who pays, what it changes."""

import numpy as np
from numpy.typing import NDArray

from audits.bootstrap import Resampling
from audits.mitigation.compared_lists import Lists, Shown, compare, require_fit
from audits.mitigation.held_out import HeldOut
from audits.mitigation.list_options import ListOption, Strength
from audits.mitigation.problem import Floats
from audits.mitigation.report import MitigationReport, Reranked
from audits.statistics import Cell, Smooth


def report_reranked(
    option: ListOption,
    strength: Strength,
    shown: Shown,
    held_out: HeldOut,
    *,
    attribute: str,
    resampling: Resampling,
    caveats: tuple[str, ...] = (),
) -> MitigationReport:
    """Measure the option on held-out subjects, who are its subjects, in the same order.

    Raises:
        InvalidConfig: shapes that do not fit, or a strength out of range.

    Guarantees:
      - equal input gives equal bytes
    """
    require_fit(held_out, shown)
    lists = Lists(before=option.lists(0.0), after=option.lists(strength.value))
    before, after = option.measured(lists.before), option.measured(lists.after)
    found = compare(lists, shown, held_out, resampling=resampling, beside=[_change(option, before, after)])
    change, low, high = found.beside[0]
    counted = option.counted
    some = change is not None
    return MitigationReport(
        certificate=None,
        utility=found.utility,
        exposure=found.exposure,
        ratios=found.ratios,
        k=shown.attention.size,
        subjects=len(held_out.subjects),
        fitted_on="nobody" if strength.keep is None else f"{len(held_out.fitted_on):,} other subjects",
        level=resampling.level,
        replicates=resampling.replicates,
        seed=resampling.seed,
        caveats=caveats,
        reranked=Reranked(
            option=option.name,
            attribute=attribute,
            strength=strength.value,
            keep=strength.keep,
            kept_in_choosing=strength.kept,
            figure=option.figure,
            n=int(counted.sum()),
            left_alone=int((~counted).sum()),
            before=float(before[counted].mean()) if some else None,
            after=float(after[counted].mean()) if some else None,
            change=change,
            low=low,
            high=high,
        ),
    )


def _change(option: ListOption, before: Floats, after: Floats) -> Smooth:
    """Mean change of the figure over the subjects whom the option is for."""
    counted = option.counted.astype(np.float64)

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        return means[..., :1] / means[..., 1:]

    cell = Cell(n=int(counted.sum()), span=2.0 * option.span)
    return Smooth(cells=(cell,), channels=np.stack([(after - before) * counted, counted], axis=1), value_of=value_of)
