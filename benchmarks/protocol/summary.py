"""From records to tables: mean and standard deviation over seeds, losses by group, times."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.protocol.records import EVERYONE, Key, Record

WITHOUT_NOISE = math.inf


@dataclass(frozen=True)
class Figure:
    """A mean over seeds and the standard deviation between them; nan of one seed."""

    mean: float
    deviation: float
    seeds: int

    def __str__(self) -> str:
        """As printed."""
        return f"{self.mean:.3f}" + (f" ±{self.deviation:.3f}" if self.seeds > 1 else "")


@dataclass(frozen=True, eq=False)
class Summary:
    """All figures of one data set, by method and ε.

    Attributes:
        recall: Recall@20 for everyone.
        ndcg: NDCG@100 for everyone.
        seconds: of the wall, from interactions to a model that can serve.
        processor: the same, of all threads.
        all_ours: of the wall and of all threads, for a release and every model of it, by ε.
        groups: Recall@20 of each group: mean over all held-out subjects of all seeds, deviation between the seeds.
    """

    recall: Mapping[tuple[str, float], Figure]
    ndcg: Mapping[tuple[str, float], Figure]
    seconds: Mapping[tuple[str, float], Figure]
    processor: Mapping[tuple[str, float], Figure]
    all_ours: Mapping[float, tuple[Figure, Figure]]
    groups: Mapping[tuple[str, float], Mapping[str, Figure]]
    subjects: Mapping[str, int]

    @property
    def methods(self) -> tuple[str, ...]:
        """In the order in which they were met."""
        return tuple(dict.fromkeys(method for method, _ in self.recall))

    @property
    def epsilons(self) -> tuple[float, ...]:
        """Ascending, without noise last."""
        return tuple(sorted({epsilon for _, epsilon in self.recall}))


def summarise(records: Mapping[Key, Record], keys: Collection[Key]) -> Summary:
    """Of these keys' records, as far as there are any."""
    by_place: dict[tuple[str, float], list[Record]] = {}
    for key in keys:
        if key in records:
            by_place.setdefault((key.method, key.epsilon), []).append(records[key])
    some = max(by_place.values(), key=len, default=[])
    return Summary(
        recall={place: figure(r.recall[EVERYONE] for r in found) for place, found in by_place.items()},
        ndcg={place: figure(r.ndcg[EVERYONE] for r in found) for place, found in by_place.items()},
        seconds={place: figure(r.total_s for r in found) for place, found in by_place.items()},
        processor={place: figure(r.processor_s for r in found) for place, found in by_place.items()},
        all_ours=releases([record for found in by_place.values() for record in found]),
        groups={place: pooled(found) for place, found in by_place.items()},
        subjects={group: sum(r.subjects.get(group, 0) for r in some) for group in (some[0].subjects if some else ())},
    )


def figure(values: Iterable[float]) -> Figure:
    """Mean and sample standard deviation."""
    found = np.array(list(values))
    return Figure(float(found.mean()), float(found.std(ddof=1)) if len(found) > 1 else math.nan, len(found))


def pooled(records: Sequence[Record]) -> dict[str, Figure]:
    """Recall@20 of each group over all subjects of these records: small groups have few in one seed.

    The deviation is between the seeds, each of which weighs the same in it.
    """
    groups = dict.fromkeys(group for record in records for group in record.recall)
    found = {}
    for group in groups:
        within = [(r.recall[group], r.subjects[group]) for r in records if group in r.recall]
        mean = sum(recall * count for recall, count in within) / sum(count for _, count in within)
        found[group] = replace(figure(recall for recall, _ in within), mean=mean)
    return found


def best(summary: Summary, methods: Collection[str], epsilon: float) -> str | None:
    """The method with the highest mean Recall@20 at that ε."""
    able = [method for method in methods if (method, epsilon) in summary.recall]
    return max(able, key=lambda method: summary.recall[method, epsilon].mean, default=None)


def table(summary: Summary, figures: Mapping[tuple[str, float], Figure], title: str) -> str:
    """Methods down, ε across."""
    rows = [
        [method, *(str(figures[method, e]) if (method, e) in figures else "" for e in summary.epsilons)]
        for method in summary.methods
    ]
    return aligned(title, ["", *(f"ε = {named(epsilon)}" for epsilon in summary.epsilons)], rows)


def releases(records: Sequence[Record]) -> dict[float, tuple[Figure, Figure]]:
    """Seconds of the wall and of all threads for the first release and all its models, by ε."""
    by_release: dict[tuple[float, int], list[Record]] = {}
    for record in records:
        if "measure" in record.seconds:
            by_release.setdefault((record.key.epsilon, record.key.seed), []).append(record)
    found: dict[float, list[tuple[float, float]]] = {}
    for (epsilon, _), all_models in by_release.items():
        models = [m for m in all_models if m.seconds["measure"] == all_models[0].seconds["measure"]]
        wall, processor = models[0].total_s, models[0].processor_s
        wall += sum(model.seconds["fit"] for model in models[1:])
        processor += sum(model.processor["fit"] for model in models[1:])
        found.setdefault(epsilon, []).append((wall, processor))
    return {epsilon: (figure(w for w, _ in both), figure(p for _, p in both)) for epsilon, both in found.items()}


def times(summary: Summary) -> str:
    """Seconds of the wall and of all threads, methods down, ε across."""
    places: list[tuple[str, Mapping[float, tuple[Figure, Figure]]]] = [("a release and its models", summary.all_ours)]
    for method in summary.methods:
        at = {e: (summary.seconds[method, e], summary.processor[method, e]) for e in summary.epsilons
              if (method, e) in summary.seconds}  # fmt: skip
        places.append((method, at))
    rows = [
        [name, *(f"{at[e][0].mean:.2f} / {at[e][1].mean:.2f}" if e in at else "" for e in summary.epsilons)]
        for name, at in places
    ]
    title = (
        "Seconds from interactions to a model, of the wall / of all threads\n"
        "(each of ours with measuring and de-noising, which all share; EASE and iALS with every setting tried)"
    )
    return aligned(title, ["", *(f"ε = {named(epsilon)}" for epsilon in summary.epsilons)], rows)


def headline(summary: Summary, methods: Collection[str]) -> str:
    """At each ε the best of these methods, beside what there is without noise and without privacy."""
    rows = []
    for epsilon in summary.epsilons:
        method = best(summary, methods, epsilon)
        if method is None:
            continue
        recall = summary.recall[method, epsilon].mean
        others = [(method, WITHOUT_NOISE), ("ease_exact", WITHOUT_NOISE), ("ials_exact", WITHOUT_NOISE),
                  ("adadpals", epsilon), ("dpsgd", epsilon)]  # fmt: skip
        shares = [f"{recall / summary.recall[o].mean:.3f}" if o in summary.recall else "" for o in others]
        ndcg = summary.ndcg[method, epsilon]
        peer = summary.ndcg.get(("dpsgd", epsilon))
        ranked = [str(ndcg), f"{ndcg.mean / peer.mean:.3f}" if peer else ""]
        faster = ["", ""]
        if ("dpsgd", epsilon) in summary.processor:
            slower = summary.processor["dpsgd", epsilon].mean
            ours = summary.processor[method, epsilon], summary.all_ours[epsilon][1]
            faster = [f"{slower / each.mean:.1f}" for each in ours]
        rows.append([named(epsilon), method, str(summary.recall[method, epsilon]), *shares, *ranked, *faster])
    header = [
        "ε",
        "best of ours",
        "Recall@20",
        "/ no noise",
        "/ EASE",
        "/ iALS",
        "/ AdaDPALS",
        "/ DP-SGD",
        "NDCG@100",
        "/ DP-SGD",
        "times as fast",
        "with all models",
    ]
    title = "The best of ours at each ε, in parts of others, and by how many times DP-SGD takes longer (of all threads)"
    return aligned(title, header, rows)


def losses(summary: Summary, methods: Collection[str]) -> str:
    """Of the best of these methods at each ε: Recall@20 by group, and what noise took from the same model."""
    header, columns = [""], []
    for epsilon in summary.epsilons:
        method = best(summary, methods, epsilon)
        if method is None:
            continue
        header.append(f"{named(epsilon)} {method}")
        columns.append((summary.groups[method, epsilon], summary.groups.get((method, WITHOUT_NOISE))))
    rows = [
        [f"{group} ({count})", *(_loss(here.get(group), (free or {}).get(group)) for here, free in columns)]
        for group, count in summary.subjects.items()
    ]
    return aligned("Recall@20 by group, and the loss against the same model without noise", header, rows)


def _loss(here: Figure | None, free: Figure | None) -> str:
    if here is None:
        return ""
    return str(here) + (f" {100 * (here.mean / free.mean - 1):+.1f} %" if free and free.mean else "")


def named(epsilon: float) -> str:
    """As printed."""
    return "∞" if math.isinf(epsilon) else f"{epsilon:g}"


def aligned(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in plain text."""
    widths = [max(len(row[at]) for row in [header, *rows]) for at in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) if at == 0 else cell.rjust(width)
                  for at, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in [header, *rows]
    ]  # fmt: skip
    return "\n".join([title, *lines, ""])
