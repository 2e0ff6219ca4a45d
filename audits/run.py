"""One audit, from tables to report."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from audits.bootstrap import Intervals, Resampling, intervals_of
from audits.categories import UNKNOWN, unseparated
from audits.cold_start import rules as cold_start_rules
from audits.columns import Progress
from audits.comparison import difference
from audits.configuration import AuditConfig
from audits.digest import inputs_digest
from audits.errors import InvalidConfig
from audits.evidence import Evidence, audited_attributes, evidence_from
from audits.grades import has_targets
from audits.groupings import notes
from audits.measuring import measurement, rounded
from audits.metrics import METRICS, artwork, membership_inference, ndcg, privacy_leak, recall
from audits.metrics.derived import Derived, derive
from audits.metrics.metric import Metric, Need
from audits.quality import GroupSpread, group_spread
from audits.report import Measurement, Report, UnknownLabels
from audits.sensitivity import Sensitivity, sensitivity
from audits.statistics import Statistics
from audits.tables import AuditInput

_QUALITY = ((ndcg.METRIC.slug, ndcg.per_subject), (recall.METRIC.slug, recall.per_subject))
Ints = NDArray[np.int64]

_LORENZ_POINTS = 51
_NOT_RANDOM = (
    "Held-out choices come from what subjects were shown before, not from random lists: "
    "quality, and popularity lift where it rests on them, are conditional on that."
)
_RANDOM = (
    "Held-out choices come from random lists, as whoever ordered the audit says: "
    "quality does not hang on what subjects were shown before."
)

_SAME_LISTS = (
    "The same lists as the baseline for every subject: intervals of differences are what subjects who were not seen, "
    "and whose lists might differ, could change."
)


def run(given: AuditInput, *, config: AuditConfig, progress: Progress | None = None) -> Report:
    """Measure every metric that the input allows, with intervals that hold together.

    ``progress(done, replicates)`` is called during the bootstrap.

    Raises:
        InvalidConfig: the configuration names an unknown attribute or metric, or one whose input is missing, or the
            attack was on another model.

    Guarantees:
      - the report depends on content alone: row order changes no byte
      - equal input and configuration give equal bytes
    """
    evidence = evidence_from(given, config)
    chosen = _metrics(given, config)
    metrics = tuple(metric for metric in chosen if not metric.stated and not isinstance(metric, Derived))
    resampling = Resampling(
        replicates=config.replicates, seed=config.seed, level=config.level, min_subjects=config.min_subjects
    )
    # One family: a difference that is looked at costs the figures beside it their share of certainty.
    makers = [partial(_measured, metric, evidence) for metric in metrics]
    with ThreadPoolExecutor(max_workers=1) as beside:
        digest = beside.submit(inputs_digest, given)
        found = intervals_of(makers, resampling, order=_by_group(evidence), progress=progress)
    rows = _measurements(metrics, found, config, compared=False)
    return Report(
        measurements=(*rows, *_derived(chosen, rows, evidence, config), *_stated(chosen, given, config)),
        differences=_measurements(metrics, found, config, compared=True),
        group_spreads=_spreads(evidence, config),
        unknown_labels=_unknown_labels(evidence),
        lorenz=_lorenz(evidence),
        k=evidence.lists.shape[1],
        attention=config.attention.text,
        attention_formula=config.attention.description,
        subjects=evidence.subjects,
        subjects_with_targets=0 if evidence.targets is None else int(np.count_nonzero(has_targets(evidence))),
        items=evidence.items,
        level=config.level,
        replicates=config.replicates,
        seed=config.seed,
        critical_value=rounded(found.critical_value),
        critical_value_error=rounded(found.critical_value_error),
        resampling=f"{found.units}, {found.weights}",
        caveats=_caveats(given, evidence, config),
        model_digest=config.model_digest,
        inputs_digest=digest.result(),
        sensitivity=_sensitivity(evidence, metrics, config) if config.sensitivity else None,
        attack=given.attack,
        group_sizes=tuple(size for grouping in evidence.groupings for size in grouping.sizes),
    )


def _sensitivity(evidence: Evidence, metrics: Sequence[Metric], config: AuditConfig) -> Sensitivity:
    found = sensitivity(evidence, metrics, config.attention, min_subjects=config.min_subjects)
    bands = (replace(band, low=rounded(band.low), high=rounded(band.high)) for band in found.bands)
    return replace(found, bands=tuple(bands))


def possible_metrics(given: AuditInput, config: AuditConfig) -> tuple[Metric, ...]:
    """The metrics that an input allows, with these attributes, in the registry's order.

    Raises:
        InvalidConfig: the configuration names an unknown attribute.
    """
    present: dict[Need, bool] = {
        **artwork.present(given.artwork),
        "attack": given.attack is not None,
        "inference": given.inference is not None,
        "attributes": bool(audited_attributes(given, config)) or config.popularity_tiers,
        "relevance": given.relevance is not None,
        "history": given.history is not None,
        "popularity": given.popularity is not None,
        "groups": (given.subject_groups is not None and given.subject_groups.num_rows > 0) or config.activity_tiers,
        "profile": given.history is not None or given.relevance is not None,
    }
    return tuple(metric for metric in METRICS if all(present[need] for need in metric.needs))


def _metrics(given: AuditInput, config: AuditConfig) -> tuple[Metric, ...]:
    attacked = {each.model_digest for each in (given.attack, given.inference) if each is not None}
    if not attacked <= {config.model_digest}:
        msg = "audit: expected an attack on the model under audit, got one on another model"
        raise InvalidConfig(msg)
    possible = possible_metrics(given, config)
    if config.metrics is None:
        return tuple(metric for metric in possible if not metric.asked_only)
    wanted = set(config.metrics)
    missing = sorted(wanted - {metric.slug for metric in possible})
    if missing:
        msg = f"audit setting metrics: this input allows {[m.slug for m in possible]}, got also {missing}"
        raise InvalidConfig(msg)
    # A figure made of others brings those along.
    wanted |= {metric.source for metric in possible if isinstance(metric, Derived) and metric.slug in wanted}
    # Stated figures bring their own intervals, and a report needs one that is measured: the first.
    wanted |= {possible[0].slug} if wanted <= {metric.slug for metric in possible if metric.stated} else set()
    return tuple(metric for metric in possible if metric.slug in wanted)


def _derived(
    metrics: Sequence[Metric], measurements: Sequence[Measurement], evidence: Evidence, config: AuditConfig
) -> tuple[Measurement, ...]:
    wanted = [metric for metric in metrics if isinstance(metric, Derived)]
    groupings, share = evidence.groupings, config.ratio_share
    found = (row for metric in wanted for row in derive(metric, measurements, groupings, ratio_share=share))
    return tuple(found)


def _stated(metrics: Sequence[Metric], given: AuditInput, config: AuditConfig) -> tuple[Measurement, ...]:
    found: list[Measurement] = []
    if given.attack is not None:
        found.append(privacy_leak.stated(given.attack, level=config.level))
    if given.inference is not None:
        found.append(membership_inference.stated(given.inference, level=config.level))
    if given.artwork is not None:
        found.extend(artwork.stated(given.artwork, config=config))
    asked = {metric.slug for metric in metrics}
    return tuple(row for row in found if row.metric in asked)


def _by_group(evidence: Evidence) -> Ints:
    """Subjects, those of one group beside each other."""
    codes = [grouping.codes for grouping in reversed(evidence.groupings)]
    return np.lexsort(codes).astype(np.int64) if codes else np.arange(evidence.subjects)


def _measured(metric: Metric, evidence: Evidence) -> tuple[Statistics, ...]:
    """A metric's statistics, and beside them those of its difference from the baseline, if there is one."""
    ours = metric.measure(evidence)
    if evidence.baseline is None:
        return (ours,)
    return ours, difference(ours, metric.measure(evidence.baseline))


def _compared(metric: Metric) -> Metric:
    """The metric's difference between two recommenders, which has a range of its own."""
    width = metric.high - metric.low
    return replace(metric, low=-width, high=width)


def _measurements(
    metrics: Sequence[Metric], found: Intervals, config: AuditConfig, *, compared: bool
) -> tuple[Measurement, ...]:
    """Of the metrics, or of their differences from the baseline."""
    owners = [_compared(metric) if compared else metric for metric in metrics]
    rows = np.flatnonzero(found.parts == int(compared)).tolist()
    return tuple(measurement(owners[found.makers[row]], found, row, config.min_subjects) for row in rows)


def _spreads(evidence: Evidence, config: AuditConfig) -> tuple[GroupSpread, ...]:
    if evidence.targets is None:
        return ()
    found = (
        group_spread(slug, measure(evidence), grouping, min_subjects=config.min_subjects)
        for slug, measure in _QUALITY
        for grouping in evidence.groupings
    )
    return tuple(
        replace(each, difference=rounded(each.difference), ratio=rounded(each.ratio))
        for each in found
        if each is not None
    )


def _unknown_labels(evidence: Evidence) -> tuple[UnknownLabels, ...]:
    total = evidence.exposure.sum()
    rows = []
    for attribute in evidence.attributes:
        unlabelled = np.zeros(evidence.items)
        if UNKNOWN in attribute.categories:
            unlabelled = attribute.shares[:, attribute.categories.index(UNKNOWN)]
        exposed = float((evidence.exposure @ unlabelled).sum() / total)
        rows.append(
            UnknownLabels(
                attribute=attribute.name, catalogue=rounded(float(unlabelled.mean())), exposure=rounded(exposed)
            )
        )
    return tuple(rows)


def _lorenz(evidence: Evidence) -> tuple[float, ...]:
    cumulative = np.r_[0.0, np.cumsum(np.sort(np.asarray(evidence.exposure.sum(axis=0))))]
    at = np.linspace(0.0, evidence.items, _LORENZ_POINTS)
    return tuple(
        rounded(float(share)) for share in np.interp(at, np.arange(evidence.items + 1), cumulative / cumulative[-1])
    )


def _caveats(given: AuditInput, evidence: Evidence, config: AuditConfig) -> tuple[str, ...]:
    joined = unseparated(given.membership)
    left_out = sorted(set(given.membership.attributes) - set(audited_attributes(given, config)))
    sentences = (
        ("Intervals describe other subjects like these; the catalogue is taken as it is.", True),
        (
            "Concentration and coverage describe an audience of this size: compare audits of as many subjects only.",
            True,
        ),
        (_SAME_LISTS, _has_the_baselines_lists(evidence)),
        (_RANDOM if config.random_traffic else _NOT_RANDOM, evidence.targets is not None),
        ("No held-out choices were given: quality is not measured.", evidence.targets is None),
        *_about_popularity(evidence, config),
        (
            f"{evidence.subjects_without_list} subjects have held-out choices but no list and are not counted.",
            evidence.subjects_without_list > 0,
        ),
        *((sentence, True) for sentence in notes(evidence.groupings, evidence.subjects, config)),
        *((sentence, True) for sentence in cold_start_rules(evidence.popularity, evidence.history_lengths, config)),
        (f"Attributes not audited: {', '.join(left_out)}.", bool(left_out)),
        *((found.sentence, True) for found in (given.inference, given.artwork) if found is not None),
        (joined or "", joined is not None),
    )
    return tuple(sentence for sentence, applies in sentences if applies)


def _has_the_baselines_lists(evidence: Evidence) -> bool:
    """Whether no subject gets anything else from the baseline: which is known of these subjects, not of others."""
    return evidence.baseline is not None and np.array_equal(evidence.lists, evidence.baseline.lists)


def _about_popularity(evidence: Evidence, config: AuditConfig) -> tuple[tuple[str, bool], ...]:
    if evidence.popularity is None:
        return (("No popularity was given: what rests on it, popularity lift among it, is not measured.", True),)
    return (
        (config.popularity_split.description, True),
        (
            "Popularity lift compares lists with the histories that were given, not with held-out choices.",
            evidence.history is not None,
        ),
        (
            "Popularity lift compares lists with held-out choices, since no history was given.",
            evidence.history is None and evidence.targets is not None,
        ),
        (
            "Neither a history nor held-out choices were given: popularity lift is not measured.",
            evidence.history is None and evidence.targets is None,
        ),
    )
