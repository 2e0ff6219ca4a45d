"""Exposure prices for anybody's scores, and the price file and report that follow: no home, no database.

Some subjects are kept aside by a hash of their key, and the report is measured on them alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
import pyarrow as pa

from audits.bootstrap import Resampling
from audits.categories import Categories, categories_of
from audits.errors import InvalidConfig
from audits.held_out import ACTIVITY, HeldOut, activity_tiers
from audits.mitigation import PriceFit, fit_prices
from audits.mitigation_report import MitigationReport
from audits.price_report import report_on
from audits.scores import ScoreMatrix
from audits.tables import Membership, codes
from governance.errors import Conflict
from governance.policy.exposure_limits import exposure_limits, limited_attributes
from governance.policy.loader import Loaded
from governance.policy.rules import FairnessPolicy, attention_of
from recommender.price_file import CategoryPrice, Certificate, PriceFile, Unit

Progress = Callable[[int, int], None]
Ints = np.ndarray

SALT = b"probity/mitigation/held-out/v1"
FEWEST_SUBJECTS = 10
"""A report needs as many, and prices too."""

NOT_RANDOM = "Held-out choices come from what subjects were shown before, so ranking quality is conditional on that."
AS_SCORED = "Utility is what the model's own scores say a list is worth; whether subjects agree, only they can show."


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """Prices with the file that serving loads and the report on subjects they were not fitted on."""

    fit: PriceFit
    file: PriceFile
    report: MitigationReport


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """What else is known about the subjects, for the report.

    Attributes:
        groups: ``subject``, ``group`` and optionally ``attribute``.
        history: ``subject``, ``item``: how active subjects were.
        relevance: ``subject``, ``item``: what they went on to choose.
    """

    groups: pa.Table | None = None
    history: pa.Table | None = None
    relevance: pa.Table | None = None


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


def price_scores(
    scores: ScoreMatrix,
    membership: Membership,
    policy: Loaded[FairnessPolicy],
    inputs: Mapping[str, str],
    *,
    unit: Unit,
    told: Told | None = None,
    held_out_share: float = 0.3,
    progress: Progress | None = None,
) -> Priced:
    """Fit prices on most subjects and measure them on the others.

    ``scores`` are over the whole catalogue; ``inputs`` are digests by name, for the file.

    Raises:
        Conflict: no exposure rule of the policy applies to this catalogue.
        InvalidConfig: too few subjects to fit on or to measure on, or a list longer than what is scored.
        InfeasibleLimits, PriceAtBox: no prices can meet the rules.
    """
    rules = policy.value
    whole, lower, upper = limited_categories(membership, scores.items, rules)
    fitted, kept_aside = split(scores.subjects, held_out_share)
    weights = attention_of(rules.attention).weights(rules.list_length)
    on, aside = scores.rows(fitted), scores.rows(kept_aside)
    fit = fit_prices(
        on.scores, whole.groups, whole.names, weights, lower, upper, excluded=on.excluded, progress=progress
    )
    held_out = _described(aside, told or Told())
    report = report_on(
        fit,
        whole.groups,
        whole.catalogue_shares,
        weights,
        replace(held_out, fitted_on=on.subjects),
        resampling=resampling_of(rules),
        caveats=caveats(quality=held_out.targets is not None),
    )
    return Priced(fit=fit, file=price_file(fit, policy, inputs, unit=unit), report=report)


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


def resampling_of(policy: FairnessPolicy) -> Resampling:
    """How the policy has subjects resampled."""
    return Resampling(replicates=policy.replicates, seed=policy.seed, level=policy.confidence, min_subjects=10)


def caveats(*, quality: bool) -> tuple[str, ...]:
    """What limits the figures of a report."""
    return (AS_SCORED, NOT_RANDOM) if quality else (AS_SCORED,)


def split(subjects: Sequence[str], held_out_share: float) -> tuple[Ints, Ints]:
    """Places of the subjects to fit on and of those kept aside; who is who depends on the keys alone.

    Raises:
        InvalidConfig: fewer than ten on either side, or a share that is none.
    """
    if not 0.0 < held_out_share < 1.0:
        msg = f"held-out share: expected a number between 0 and 1, got {held_out_share:g}"
        raise InvalidConfig(msg)
    drawn = [int.from_bytes(sha256(SALT + subject.encode()).digest()[:8], "big") for subject in subjects]
    aside = np.array(drawn, dtype=np.uint64) < np.uint64(int(held_out_share * 2**64))
    fitted, kept_aside = np.flatnonzero(~aside), np.flatnonzero(aside)
    if min(fitted.size, kept_aside.size) < FEWEST_SUBJECTS:
        expected = f"at least {FEWEST_SUBJECTS} subjects to fit on and as many to measure on"
        msg = f"prices: expected {expected}, got {fitted.size} and {kept_aside.size}"
        raise InvalidConfig(msg)
    return fitted, kept_aside


def _described(scores: ScoreMatrix, told: Told) -> HeldOut:
    groups = {} if told.groups is None else _groups(told.groups, scores.subjects)
    targets = None
    if told.history is not None:
        row = codes(told.history["subject"], scores.subjects)
        counts = np.bincount(row[row >= 0], minlength=len(scores.subjects))
        groups[ACTIVITY] = activity_tiers(counts)
    if told.relevance is not None:
        targets = np.zeros(scores.scores.shape, dtype=bool)
        row, column = (codes(told.relevance[name], getattr(scores, f"{name}s")) for name in ("subject", "item"))
        known = (row >= 0) & (column >= 0)
        targets[row[known], column[known]] = True
    return HeldOut(
        subjects=scores.subjects, scores=scores.scores, excluded=scores.excluded, groups=groups, targets=targets
    )


def _groups(table: pa.Table, subjects: Sequence[str]) -> dict[str, Sequence[str]]:
    named = "attribute" in table.column_names
    attributes = table["attribute"].to_pylist() if named else ["group"] * table.num_rows
    found: dict[str, list[str]] = {attribute: [""] * len(subjects) for attribute in sorted(set(attributes))}
    for place, attribute, group in zip(
        codes(table["subject"], subjects).tolist(), attributes, table["group"].to_pylist(), strict=True
    ):
        if place >= 0:
            found[attribute][place] = group
    return dict(found)
