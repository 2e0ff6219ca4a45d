"""Our figures beside those of FairRankTune, LensKit and ranx on one instance.

What the peers said stands here as numbers, from `peer_figures.py` in an environment of `requirements.txt`. With
PROBITY_PEERS set to that environment's python, the peers are asked again.

Where they are wrong or measure something else they are left out: FairRankTune's IAA stops after the first list, its
NDKL compares a list with itself (below, we do the same); LensKit's nDCG ties ranks 1 and 2.
"""

import json
import os
import runpy
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from audits.attention import Attention
from audits.configuration import AuditConfig
from audits.contrasts import impact
from audits.evidence import Evidence, evidence_from
from audits.exposure import Labelled, labelled
from audits.metrics import eur, exposure_gini, impact_ratio, ndcg, ndkl, recall
from audits.tables import AuditInput, Membership, Recommendations

HERE = Path(__file__).parent

PUBLISHED = {
    "fair_rank_tune": {
        "exp_min_max": 0.5984748470240006,
        "erbp_min_max": 0.6010207356371552,
        "erbe_max_min_difference": 113.81699086628184,
        "awrf_geometric_min_max": 0.5798666637522056,
        "exposure_by_utility_two_groups": {"c0": 2.9356736917764263, "rest": 4.380099114205397},
        "mean_ndkl_against_own_mix": 0.3434661704128319,
    },
    "lenskit": {
        "gini_of_places": 0.46776666666666666,
        "gini_clipped": 0.49197831627666305,
        "gini_rbp": 0.49333640347745467,
    },
    "ranx": {"ndcg@10": 0.1817797376445308, "rbp.85": 0.10810754191461816, "recall@10": 0.21771410479498712},
}


# FairRankTune adds 1e-7 to both sides of every divergence; LensKit's weights are in single precision.
ROUGH = {"mean_ndkl_against_own_mix": 1e-5, "gini_clipped": 1e-8, "gini_rbp": 1e-8}


def name(item: int) -> str:
    return f"i{item:03d}"


def measured(
    instance: dict[str, Any], attention: Attention, *, two_groups: bool = False, met: bool = False
) -> Evidence:
    """The instance as evidence; ``met`` counts as relevant only what was shown, as FairRankTune does."""
    rows = [(f"u{u:03d}", name(i), r) for u, shown in enumerate(instance["lists"]) for r, i in enumerate(shown, 1)]
    group = [("rest" if two_groups and c else f"c{c}") for c in instance["category"]]
    liked = [
        (f"u{u:03d}", name(item))
        for u, items in enumerate(instance["liked"])
        for item in items
        if not met or item in instance["lists"][u]
    ]
    items = [name(item) for item in range(len(group))]
    given = AuditInput(
        recommendations=Recommendations(
            pa.table({"subject": [r[0] for r in rows], "item": [r[1] for r in rows], "rank": [r[2] for r in rows]})
        ),
        membership=Membership(pa.table({"item": items, "attribute": ["g"] * len(items), "category": group})),
        items=items,
        relevance=pa.table({"subject": [s for s, _ in liked], "item": [i for _, i in liked]}),
    )
    return evidence_from(given, AuditConfig(seed=1, model_digest="m", attention=attention))


def own_mix(evidence: Evidence, subject: int) -> float:
    """NDKL of one list against its own mix over the categories that occur in it: FairRankTune's."""
    (each,) = labelled(evidence)
    occurring = each.slots[subject] > 0
    alone = Labelled(
        attribute=each.attribute,
        categories=tuple(np.array(each.categories)[occurring].tolist()),
        shares=each.shares[:, occurring],
        parity=each.parity[occurring],
        seen=each.seen[:, occurring],
        slots=each.slots[:, occurring],
    )
    target = each.slots[subject][occurring] / each.slots[subject].sum()
    return float(ndkl.per_list(evidence, alone, target)[0][subject])


def ours(instance: dict[str, Any]) -> dict[str, dict[str, Any]]:
    plain, rbp = measured(instance, Attention()), measured(instance, Attention("rbp", 0.85))
    (each,) = labelled(rbp)
    received = each.seen.sum(axis=0)
    spread = [measured(instance, a) for a in (Attention("uniform"), Attention("clipped"))]
    gini = [exposure_gini.measure(e).figures[0] for e in (*spread, rbp)]
    geometric = measured(instance, Attention("geometric", 0.2))
    quality = [ndcg.per_subject(plain), recall.per_subject(plain)]
    met = impact(rbp).channels[:, : len(each.categories)].sum(axis=1).mean()
    return {
        "fair_rank_tune": {
            "exp_min_max": impact_ratio.measure(plain).figures[0],
            "erbp_min_max": impact_ratio.measure(rbp).figures[0],
            "erbe_max_min_difference": (1 - 0.85) * (received.max() - received.min()),
            "awrf_geometric_min_max": impact_ratio.measure(geometric).figures[0],
            "mean_ndkl_against_own_mix": np.mean([own_mix(plain, subject) for subject in range(100)]),
        },
        "lenskit": dict(zip(("gini_of_places", "gini_clipped", "gini_rbp"), gini, strict=True)),
        "ranx": {
            "ndcg@10": quality[0].values.mean(),
            "rbp.85": (1 - 0.85) * met,
            "recall@10": quality[1].values.mean(),
        },
    }


@pytest.fixture(scope="module")
def instance() -> dict[str, Any]:
    drawn: dict[str, Any] = runpy.run_path(str(HERE / "instance.py"))["draw"]()
    return drawn


def test_our_figures_are_those_of_the_peers(instance: dict[str, Any]) -> None:
    found = ours(instance)
    for peer, figures in found.items():
        for figure, value in figures.items():
            assert value == pytest.approx(PUBLISHED[peer][figure], rel=ROUGH.get(figure, 1e-12)), (peer, figure)


def test_exposure_by_utility_of_two_groups_is_ours(instance: dict[str, Any]) -> None:
    """FairRankTune knows the relevance of what is shown only, and counts subjects without any."""
    expected = PUBLISHED["fair_rank_tune"]["exposure_by_utility_two_groups"]
    evidence = measured(instance, Attention(), two_groups=True, met=True)
    # Attention by subjects without a hit is in theirs and not in ours: add it to compare.
    (each,) = labelled(evidence)
    relevance = np.asarray(evidence.targets @ each.shares).sum(axis=0)

    assert each.seen.sum(axis=0) / relevance == pytest.approx([expected["c0"], expected["rest"]], rel=1e-12)
    counted = np.diff(evidence.targets.indptr) > 0
    treated = each.seen[counted].sum(axis=0) / relevance
    assert eur.measure(evidence).values()[0] == pytest.approx(treated[0] / treated[1], rel=1e-12)


def test_peers_asked_again_say_the_same(instance: dict[str, Any]) -> None:
    python = os.environ.get("PROBITY_PEERS")
    if not python:
        pytest.skip("PROBITY_PEERS does not name the python of an environment made of tests/peers/requirements.txt")
    said = json.loads(subprocess.run([python, HERE / "peer_figures.py"], check=True, capture_output=True).stdout)

    own = said["fair_rank_tune"].pop("ndkl_against_own_mix")
    plain = measured(instance, Attention())
    assert own == pytest.approx([own_mix(plain, subject) for subject in range(100)], abs=1e-5)
    for peer, figures in PUBLISHED.items():
        for figure, value in figures.items():
            if figure != "mean_ndkl_against_own_mix":
                assert said[peer][figure] == pytest.approx(value, rel=1e-12), (peer, figure)
