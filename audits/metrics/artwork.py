"""Which pictures are shown to whom, from the report of an audit of artwork: stated, as an attack's figures are.

A rule names what a figure is of under the attribute ``image`` (kinds of images) or ``cast`` (groups of people), and the
cohort as a group: ``cohort = x``.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from audits.artwork.findings import FLOOR, held
from audits.artwork.measures import CAST_GAP, CAST_LOG_RATIO, IMAGE_GAP, Figure
from audits.artwork.policies import COHORT_SENSITIVITY
from audits.artwork.report import ArtworkReport
from audits.configuration import AuditConfig
from audits.metrics.metric import Metric, Need, not_from_lists
from audits.report import Measurement, Undefined

EXPLORATION_FLOOR = Figure(
    slug=FLOOR,
    title="The smallest chance that an eligible image has of being shown to a cohort",
    formula="least of the chances stated, of what they leave to other images, and of 1 - (error / pairs)^(1 / n) of an "
    "image never shown in n impressions of its title",
    low=0.0,
    high=1.0,
)

_ATTRIBUTES: dict[Need, str] = {"artwork": "image", "artwork with a cast": "cast"}
_TOLERANCE = 1e-9


def stated(found: ArtworkReport, *, config: AuditConfig) -> tuple[Measurement, ...]:
    """The report's figures that rules may name, with the intervals that it gives them.

    * ``image_gap``, range [-1, 1], parity 0: share of a cohort's impressions with a kind of image, less what a uniform
      choice among the eligible images would give
    * ``cast_gap``, [-1, 1], parity 0: share of a group among the people shown, less its share of the billed roles
    * ``cast_log_ratio``, any number, parity 0: logarithm of the first share over the second, by cohort and of all;
      undefined where a group is never shown, left out where it is not billed
    * ``cohort_sensitivity``, [0, 1], lower is better: how far the cohort alone moves the chances, from probes
    * ``exploration_floor``, [0, 1], higher is better: the smallest chance of any image in any cohort is at most the
      figure, and at least the lower end, which is 0 where some chance is not known. Bounds have no standard error, so
      nobody can say how many subjects would decide

    All but the last rest on subjects resampled, and are undefined where they were resampled less often than
    ``config.replicates`` or from another seed than ``config.seed``: who may draw again until it fits will pass. All are
    where the report is less certain than ``config.level``. Sources: `audits.artwork`.

    Example: three eligible images, one of a man alone, and a cohort that sees that one in 4 of 6 impressions: image_gap
        of image = man is 4 / 6 - 1 / 3 = 1 / 3.
    """
    return tuple(_as_sure(row, found, config) for metric in METRICS for row in _rows(found, metric))


def present(found: ArtworkReport | None) -> dict[Need, bool]:
    """Of what these metrics need, what the report has figures for."""
    had = {need for metric in METRICS if found is not None and any(_rows(found, metric)) for need in metric.needs}
    return {need: need in had for metric in METRICS for need in metric.needs}


def _rows(found: ArtworkReport, metric: Metric) -> Iterator[Measurement]:
    (need,) = metric.needs
    if metric.slug != FLOOR:
        yield from (replace(row, attribute=_ATTRIBUTES.get(need)) for row in held(found, metric.slug))
    elif (chances := found.exploration).at_most < 1.0 or chances.at_least > 0.0:
        yield Measurement(
            metric=FLOOR,
            attribute=None,
            category=None,
            group=None,
            value=chances.at_most,
            low=chances.at_least,
            high=chances.at_most,
            pointwise_low=chances.at_least,
            pointwise_high=chances.at_most,
            standard_error=None,
            n=found.subjects,
            target=None,
            undefined=None,
        )


def _as_sure(row: Measurement, found: ArtworkReport, config: AuditConfig) -> Measurement:
    reason = row.undefined
    if found.level < config.level - _TOLERANCE:
        reason = Undefined.UNSURE
    elif row.metric != FLOOR and (found.replicates < config.replicates or found.seed != config.seed):
        reason = Undefined.REDRAWN
    if reason is None:
        return row
    return replace(
        row,
        value=None,
        low=None,
        high=None,
        pointwise_low=None,
        pointwise_high=None,
        standard_error=None,
        undefined=reason,
    )


def _metric(figure: Figure, need: Need, better: Literal["higher", "lower", "target"]) -> Metric:
    return Metric(
        slug=figure.slug,
        title=figure.title,
        formula=figure.formula,
        low=figure.low,
        high=figure.high,
        better=better,
        needs=frozenset({need}),
        measure=not_from_lists,
    )


METRICS = (
    _metric(IMAGE_GAP, "artwork", "target"),
    _metric(CAST_GAP, "artwork with a cast", "target"),
    _metric(CAST_LOG_RATIO, "artwork with a cast", "target"),
    _metric(COHORT_SENSITIVITY, "artwork with probes", "lower"),
    _metric(EXPLORATION_FLOOR, "artwork with chances", "higher"),
)
