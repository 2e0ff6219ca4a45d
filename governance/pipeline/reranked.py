"""Lists of a per-list option for anybody's scores, at a strength given or found, and the report on it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from audits.categories import Attribute, attribute_of, categories_of
from audits.mitigation.compared_lists import Shown
from audits.mitigation.list_options import ListOption, Strength, calibrated_option, diverse_option, strongest
from audits.mitigation.report import MitigationReport
from audits.mitigation.reranking_report import report_reranked
from audits.profiles import category_mix
from audits.scores import ScoreMatrix
from audits.tables import codes
from governance.errors import InvalidInput
from governance.pipeline.scored import Ints, Progress, Scored, caveats, divided, resampling_of
from governance.policy.exposure_limits import exposure_limits, limited_attributes

if TYPE_CHECKING:
    from scipy import sparse

OptionName = Literal["calibrated", "diverse"]

ONE_LIST = "Each list is changed for itself: a category whose part of a list is below one item cannot be protected so."


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionAsked:
    """Which option, by whose categories (None: the only ones there are), and how strongly: one of the last two.

    Raises:
        InvalidInput: no strength or two, or one that is out of range.
    """

    name: OptionName
    attribute: str | None = None
    strength: float | None = None
    keep: float | None = None

    def __post_init__(self) -> None:
        given = [
            f"{name} {value:g}"
            for name, value in (("strength", self.strength), ("keep", self.keep))
            if value is not None
        ]
        checks = (
            (len(given) == 1, "either a strength or a part of the utility to keep"),
            (self.strength is None or 0.0 <= self.strength <= 1.0, "a strength from 0 to 1"),
            (self.keep is None or 0.0 < self.keep <= 1.0, "a part to keep above 0 and at most 1"),
        )
        for holds, expected in checks:
            if not holds:
                msg = f"{self.name}: expected {expected}, got {' and '.join(given) or 'neither'}"
                raise InvalidInput(msg)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reranking:
    """The lists of all subjects as ``subject``, ``item``, ``rank``, and the report on those kept aside."""

    lists: pa.Table
    report: MitigationReport


def rerank_scores(scored: Scored, asked: OptionAsked, *, progress: Progress | None = None) -> Reranking:
    """Give every subject a list, at the strength asked for or at the largest that keeps what was asked.

    A strength is found on most subjects; everything is measured on the others, whom a given strength is measured on as
    well, so that two settings are compared on the same subjects.

    Raises:
        InvalidInput: calibration without a history of anybody who has scores, or no attribute where there are several.
        InvalidConfig: too few subjects, too few items for a list, or no strength that keeps what was asked.
    """
    if asked.name == "calibrated":
        _require_histories(scored)
    attribute = attribute_of(scored.membership, scored.scores.items, _attribute(scored, asked.attribute))
    shown, parts = _shown(scored, attribute.name), divided(scored)
    if asked.keep is None:
        strength = Strength(value=asked.strength or 0.0)
    else:
        strength = strongest(
            _option(scored, asked.name, attribute, parts.on),
            lambda lists: shown.utility(lists, parts.on.scores),
            asked.keep,
            progress=progress,
        )
    report = report_reranked(
        _option(scored, asked.name, attribute, parts.aside),
        strength,
        shown,
        parts.held_out,
        attribute=attribute.name,
        resampling=resampling_of(scored.policy.value),
        caveats=(*caveats(quality=parts.held_out.targets is not None), ONE_LIST),
    )
    lists = _option(scored, asked.name, attribute, scored.scores).lists(strength.value)
    return Reranking(lists=_rows(scored.scores, lists), report=report)


def _require_histories(scored: Scored) -> None:
    """Refuse histories that leave every list as it is, as where keys are written in another way than in the scores."""
    history = scored.told.history
    if history is None or not _histories(history, scored.scores).nnz:
        got = "none" if history is None else "that of others, or of other items"
        msg = (
            f"calibrated: expected what the scores' subjects chose before (--history), for the mix they want, got {got}"
        )
        raise InvalidInput(msg)


def _attribute(scored: Scored, asked: str | None) -> str:
    present = scored.membership.attributes
    if asked is None:
        limited = limited_attributes(scored.policy.value, frozenset(present))
        asked = next((each[0] for each in (limited, present) if len(each) == 1), None)
    if asked not in present:
        got = "none" if asked is None else asked
        msg = f"re-ranking, attribute: expected one of {', '.join(present)}, got {got}"
        raise InvalidInput(msg)
    return asked


def _shown(scored: Scored, attribute: str) -> Shown:
    """The option's categories and those that rules speak of, with the limits that these set."""
    rules, present = scored.policy.value, frozenset(scored.membership.attributes)
    attributes = list(dict.fromkeys([*limited_attributes(rules, present), attribute]))
    whole = categories_of(scored.membership, scored.scores.items, attributes)
    limits = exposure_limits(whole, rules)
    lower, upper = (np.array([limits[name][side] for name in whole.names]) for side in (0, 1))
    return Shown(
        attention=scored.attention,
        names=whole.names,
        groups=whole.groups,
        catalogue_shares=whole.catalogue_shares,
        lower=lower,
        upper=upper,
        prices=np.zeros(len(whole.names)),
    )


def _option(scored: Scored, name: OptionName, attribute: Attribute, whose: ScoreMatrix) -> ListOption:
    """The option for these subjects."""
    if name == "diverse" or scored.told.history is None:
        return diverse_option(whose.scores, attribute.shares, scored.attention, excluded=whose.excluded)
    wanted = category_mix(_histories(scored.told.history, whose), attribute.labels)
    return calibrated_option(whose.scores, attribute.shares, wanted, scored.attention, excluded=whose.excluded)


def _histories(history: pa.Table, whose: ScoreMatrix) -> "sparse.csr_array":
    """Weight of each item in each subject's history, (n, m)."""
    from scipy import sparse

    row, column = codes(history["subject"], whose.subjects), codes(history["item"], whose.items)
    known = (row >= 0) & (column >= 0)
    weights = np.asarray(history["weight"])[known]
    return sparse.csr_array((weights, (row[known], column[known])), shape=whose.scores.shape)


def _rows(scores: ScoreMatrix, lists: Ints) -> pa.Table:
    n, k = lists.shape
    return pa.table(
        {
            "subject": pa.array(np.array(scores.subjects, dtype=object).repeat(k), pa.string()),
            "item": pa.array(np.array(scores.items, dtype=object)[lists.ravel()], pa.string()),
            "rank": np.tile(np.arange(1, k + 1), n),
        }
    )
