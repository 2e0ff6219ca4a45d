"""Calibration against the history, and how much of it is chance."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse
from scipy.spatial.distance import jensenshannon
from scipy.stats import binom

from audits import calibration
from audits.attention import Attention
from audits.calibration import expected_by_chance, expected_term, kullback_leibler
from audits.configuration import AuditConfig
from audits.divergence import jensen_shannon, smoothed_kullback_leibler
from audits.evidence import Evidence, evidence_from
from audits.metrics import miscalibration, miscalibration_excess, miscalibration_jsd
from audits.metrics.metric import Metric
from audits.run import run
from audits.tables import AuditInput

Build = Callable[..., AuditInput]

CONFIG = AuditConfig(seed=7, model_digest="m", replicates=100, min_subjects=1)
GENRES = {"a": ["drama"], "b": ["comedy"], "c": ["drama"], "d": ["comedy"]}
ITEMS = ["a", "b", "c", "d"]


def values(metric: Metric, evidence: Evidence) -> dict[str | None, float]:
    found = metric.measure(evidence)
    return {cell.group: float(value) for cell, value in zip(found.cells, found.values(), strict=True)}


def test_calibration_as_computed_by_hand(build: Build) -> None:
    evidence = evidence_from(build({"s": ["a", "c"]}, items=ITEMS, genres=GENRES, history={"s": ["a", "b"]}), CONFIG)

    assert values(miscalibration.METRIC, evidence) == pytest.approx({None: 1.9585185}, abs=1e-6)
    assert values(miscalibration_jsd.METRIC, evidence) == pytest.approx({None: 0.3112781245})


def test_the_history_is_weighted_and_the_list_by_attention(build: Build) -> None:
    given = build({"s": ["b", "a"]}, items=ITEMS, genres=GENRES)
    history = pa.table({"subject": ["s", "s"], "item": ["b", "a"], "weight": [1.0, 1 / np.log2(3)]})
    evidence = evidence_from(replace(given, history=history), CONFIG)

    assert values(miscalibration.METRIC, evidence) == pytest.approx({None: 0.0}, abs=1e-12)
    swapped = evidence_from(replace(build({"s": ["a", "b"]}, items=ITEMS, genres=GENRES), history=history), CONFIG)
    assert values(miscalibration.METRIC, swapped)[None] > 0.01


def test_subjects_without_history_count_nowhere(build: Build) -> None:
    given = build(
        {"s": ["a"], "t": ["a"]}, items=ITEMS, genres=GENRES, history={"s": ["a"]}, groups={"s": "x", "t": "y"}
    )
    report = run(given, config=CONFIG)

    assert [(m.group, m.n) for m in report.select("miscalibration")] == [(None, 1), ("x", 1), ("y", 0)]
    assert not run(build({"s": ["a"]}, items=ITEMS, genres=GENRES), config=CONFIG).select("miscalibration")


def test_one_draw_explains_a_list_of_one_title(build: Build) -> None:
    given = build({"s": ["a"]}, items=ITEMS, genres=GENRES, history={"s": ["a", "b"]})

    excess = values(miscalibration_excess.METRIC, evidence_from(given, CONFIG))
    assert excess == pytest.approx({None: 0.0}, abs=1e-3)


def by_enumeration(p: float, looks: np.ndarray) -> float:
    share = looks / looks.sum()
    hits = np.array(list(product([0, 1], repeat=looks.size)))
    chance = (p**hits * (1 - p) ** (1 - hits)).prod(axis=1)
    return float(chance @ (p * np.log(p / (0.99 * hits @ share + 0.01 * p))))


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("model", ["logarithmic", "rbp", "uniform", "geometric"])
def test_the_chance_term_is_that_of_all_outcomes(k: int, model: str) -> None:
    looks = Attention(model).weights(k)
    term = expected_term(looks)

    for p in (0.001, 0.02, 0.13, 0.5, 0.77, 0.999):
        assert term(np.array([p])) == pytest.approx([by_enumeration(p, looks)], abs=1e-3)
    assert term(np.array([0.0, 1.0])).tolist() == [0.0, 0.0]


def test_the_chance_term_of_equal_ranks_is_binomial() -> None:
    hits = np.arange(21)
    for p in (0.03, 0.3, 0.9):
        exact = binom.pmf(hits, 20, p) @ (p * np.log(p / (0.99 * hits / 20 + 0.01 * p)))
        assert expected_term(np.ones(20))(np.array([p])) == pytest.approx([exact], abs=1e-3)


def audience(build: Build, drawn: np.ndarray, mixes: list[list[str]]) -> Evidence:
    """Subjects whose lists have the drawn categories in that order, and histories with those mixes."""
    kinds, n = ["x", "y", "z"], len(drawn)
    items = [f"{kind}{number}" for kind in kinds for number in range(20)]
    lists = {f"s{u:04d}": [f"{kinds[c]}{r}" for r, c in enumerate(row)] for u, row in enumerate(drawn)}
    history = {f"s{u:04d}": [f"{kind}{j}" for j, kind in enumerate(mixes[u % len(mixes)])] for u in range(n)}
    return evidence_from(build(lists, items=items, genres={i: [i[0]] for i in items}, history=history), CONFIG)


def test_lists_drawn_from_the_history_s_mix_have_no_excess_and_lists_of_one_kind_have(build: Build) -> None:
    mixes = [list("xxxyyz"), list("xyz"), list("xxxxxxxz")]
    rng = np.random.default_rng(5)
    chances = np.array([[mix.count(kind) / len(mix) for kind in "xyz"] for mix in mixes])
    drawn = np.stack([rng.choice(3, size=10, p=chances[u % 3]) for u in range(900)])
    fair = audience(build, drawn, mixes)
    values_of = kullback_leibler(fair)[:, 0]
    error = (values_of - expected_by_chance(fair)[:, 0]).std() / 30

    # The raw figure is far from 0, which a reader would take for bias; the excess is chance.
    assert values_of.mean() > 0.1
    assert abs(values(miscalibration_excess.METRIC, fair)[None]) < 3 * error
    one_kind = audience(build, np.zeros_like(drawn), mixes)
    assert values(miscalibration_excess.METRIC, one_kind)[None] > 30 * error
    # A list in exactly the history's proportions is closer than sampling.
    close = audience(build, np.tile([0, 0, 0, 1, 1, 2], (900, 1)), mixes[:1])
    assert values(miscalibration_excess.METRIC, close)[None] < -3 * error


def test_titles_of_several_kinds_vary_less_than_titles_of_one(build: Build) -> None:
    rng = np.random.default_rng(8)
    genres = {f"i{j:02d}": ["xyzw"[g] for g in rng.choice(4, rng.integers(1, 4), replace=False)] for j in range(40)}
    names = list(genres)
    history = {f"s{u:02d}": [names[j] for j in rng.choice(40, 15, replace=False)] for u in range(20)}
    given = build(dict.fromkeys(history, names[:8]), items=names, genres=genres, history=history)
    evidence = evidence_from(given, CONFIG)
    shares, looks = evidence.attributes[0].shares, Attention().weights(8)
    drawn = np.zeros((20, 4000))
    for u, shown in enumerate(history.values()):
        own = shares[[names.index(name) for name in shown]]
        lists = np.tensordot(looks / looks.sum(), own[rng.integers(0, 15, (8, 4000))], axes=1)
        drawn[u] = smoothed_kullback_leibler(np.broadcast_to(own.mean(axis=0), lists.shape), lists, 0.01)

    found = expected_by_chance(evidence)[:, 0]
    error = drawn.std(axis=1) * np.sqrt(1 / 8 + 1 / 4000)
    assert np.all(np.abs(found - drawn.mean(axis=1)) < 4 * error)
    # Coins of whole titles forget that a drama that is a comedy too is half of each, and expect far too much.
    coins = expected_term(looks)(evidence.history @ shares / 15).sum(axis=1)
    assert coins.mean() > 2 * drawn.mean()
    assert found.mean() == pytest.approx(drawn.mean(), rel=0.1)


def test_draws_follow_the_weights_of_the_history_and_none_come_from_an_empty_one() -> None:
    history = sparse.csr_array(np.array([[0.0, 1.0, 3.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0]]))
    draw, looks = calibration._drawing_from(history), np.ones((3, 4000))
    drawn = draw(looks, np.random.default_rng(1)).toarray()
    equal = calibration._drawing_from(history.sign())(looks, np.random.default_rng(1)).toarray()

    # Standard errors of 27 and 32 draws.
    assert drawn[0, 2] == pytest.approx(3000, abs=110)
    assert equal[0, 2] == pytest.approx(2000, abs=130)
    assert drawn[0].sum() == drawn[2, 3] == equal[2, 3] == 4000
    assert drawn[1].sum() == equal[1].sum() == 0
    assert calibration._drawing_from(sparse.csr_array((2, 3)))(looks[:2], np.random.default_rng(1)).sum() == 0


def test_both_ways_to_the_null_agree_where_both_apply(build: Build) -> None:
    mixes = [list("xxxyyz"), list("xyz"), list("xxxxxxxz")]
    evidence = audience(build, np.random.default_rng(1).integers(0, 3, (600, 10)), mixes)
    exact, drawn = (by(evidence, evidence.attributes) for by in (calibration._by_term, calibration._by_drawing))

    error = (exact - drawn).std() / np.sqrt(600)
    assert exact.mean() == pytest.approx(drawn.mean(), abs=4 * error)


def test_lists_of_different_length_have_different_chance(build: Build) -> None:
    given = build(
        {"s": ["a"], "t": ["a", "b", "c", "d"]},
        items=ITEMS,
        genres=GENRES,
        history={"s": ["a", "b"], "t": ["a", "b"]},
    )
    short, long = expected_by_chance(evidence_from(given, CONFIG))[:, 0]

    assert short == pytest.approx(1.9585185, abs=1e-3)
    assert long == pytest.approx(2 * by_enumeration(0.5, Attention().weights(4)), abs=1e-3)


def test_divergences_are_those_of_scipy_and_bounded() -> None:
    rng = np.random.default_rng(1)
    p, q = rng.dirichlet(np.full(6, 0.2), 200), rng.dirichlet(np.full(6, 0.2), 200)
    p[p < 0.05] = 0
    p /= p.sum(axis=1, keepdims=True)

    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2, axis=1) ** 2, abs=1e-12)
    assert jensen_shannon(p, p).max() == 0
    apart = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert jensen_shannon(*apart) == pytest.approx([1.0])
    assert smoothed_kullback_leibler(*apart, 0.01) == pytest.approx([np.log(100)])
    assert smoothed_kullback_leibler(p, p, 0.01) == pytest.approx(np.zeros(200), abs=1e-12)
