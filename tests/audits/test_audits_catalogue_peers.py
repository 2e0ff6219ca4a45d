"""Figures that other libraries gave for the same lists.

Each was computed with the library named beside it, in an environment of its own, on ``lists_of_peers`` below: 200
subjects, 80 items, 10 places, 5 categories, one to several a title. LensKit computes Gini in single precision and adds
1e-6 to every category before an entropy.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from audits.attention import Attention
from audits.configuration import AuditConfig
from audits.evidence import Evidence, evidence_from
from audits.metrics import METRICS
from audits.tables import AuditInput, Membership, Recommendations

Ints = NDArray[np.int64]


def lists_of_peers() -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Lists (200, 10), what subjects chose (200, 15), categories of items (80, 5)."""
    rng = np.random.default_rng(20261126)
    appeal = 1.0 / np.arange(1, 81) ** 0.9
    lists = np.argsort(-(np.log(appeal) + rng.gumbel(size=(200, 80))), axis=1)[:, :10]
    chosen = np.argsort(-(0.7 * np.log(appeal) + rng.gumbel(size=(200, 80))), axis=1)[:, :15]
    labels = rng.random((80, 5)) < 0.3
    labels[np.arange(80), rng.integers(0, 5, 80)] = True
    return lists, chosen, labels


@pytest.fixture(scope="module")
def evidence() -> Callable[[Attention], Evidence]:
    lists, chosen, labels = lists_of_peers()
    names, subjects = np.array([f"i{item:02d}" for item in range(80)]), np.array([f"s{u:03d}" for u in range(200)])
    items, categories = np.nonzero(labels)
    given = AuditInput(
        recommendations=Recommendations(
            pa.table(
                {
                    "subject": subjects.repeat(10),
                    "item": names[lists.ravel()],
                    "rank": np.tile(np.arange(1, 11), 200),
                }
            )
        ),
        membership=Membership(
            pa.table(
                {
                    "item": names[items],
                    "attribute": ["kind"] * items.size,
                    "category": [f"c{category}" for category in categories],
                }
            )
        ),
        items=names.tolist(),
        history=pa.table({"subject": subjects.repeat(15), "item": names[chosen.ravel()]}),
        popularity=pa.table({"item": names, "count": np.bincount(chosen.ravel(), minlength=80)}),
    )
    return lambda attention: evidence_from(given, AuditConfig(seed=1, model_digest="m", attention=attention))


RBP, CLIPPED, UNIFORM = Attention("rbp", 0.85), Attention("clipped"), Attention("uniform")


@pytest.mark.parametrize(
    ("slug", "attention", "value", "within"),
    [
        pytest.param("recommendation_gini", UNIFORM, 0.471025, 1e-6, id="LensKit 2025.8.1, ListGini"),
        pytest.param("exposure_gini", RBP, 0.510472059, 1e-6, id="LensKit 2025.8.1, ExposureGini, GeometricRankWeight"),
        pytest.param("exposure_gini", CLIPPED, 0.508958166, 1e-6, id="LensKit 2025.8.1, ExposureGini, LogRankWeight"),
        pytest.param("popularity_rank", UNIFORM, 0.72518125, 1e-9, id="LensKit 2025.8.1, MeanPopRank"),
        pytest.param("list_entropy", UNIFORM, 2.198642142, 1e-5, id="LensKit 2025.8.1, entropy"),
        pytest.param("list_entropy", RBP, 2.159751423, 1e-5, id="LensKit 2025.8.1, rank_biased_entropy"),
        pytest.param("average_popularity", UNIFORM, 66.2375, 1e-9, id="RecTools 0.19.0, AvgRecPopularity"),
        # RecTools divides by subjects, not by interactions: log2(3,000 / 200) apart.
        pytest.param("novelty", UNIFORM, 1.919102290776189 + np.log2(15), 1e-9, id="RecTools 0.19.0, MeanInvUserFreq"),
        pytest.param("novelty", UNIFORM, 5.825992886384708, 1e-9, id="recommenders 1.2.1, novelty"),
        pytest.param(
            "exposure_entropy", UNIFORM, 5.724985172556062, 1e-9, id="recommenders 1.2.1, distributional_coverage"
        ),
        pytest.param("coverage", UNIFORM, 1.0, 0.0, id="recommenders 1.2.1, catalog_coverage"),
        pytest.param("intra_list_jaccard", UNIFORM, 0.692427777778, 1e-9, id="recpack 0.3.6, IntraListDiversityK"),
    ],
)
def test_figures_agree_with_those_of_other_libraries(
    evidence: Callable[[Attention], Evidence], slug: str, attention: Attention, value: float, within: float
) -> None:
    (metric,) = [each for each in METRICS if each.slug == slug]

    assert metric.measure(evidence(attention)).values()[0] == pytest.approx(value, abs=within)
