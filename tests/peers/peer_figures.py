"""Figures of the peers for one instance, as JSON. Run by the interpreter of an environment made of requirements.txt."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd


def fair_rank_tune(instance: dict) -> dict:
    """Figures of FairRankTune; only those it computes over all rankings, or that we feed one ranking at a time."""
    from FairRankTune import Metrics

    lists = np.array(instance["lists"])
    groups = {item: f"c{category}" for item, category in enumerate(instance["category"])}
    two = {item: group if group == "c0" else "rest" for item, group in groups.items()}
    table = pd.DataFrame(lists.T)
    relevant = pd.DataFrame(
        {u: [float(item in set(liked)) for item in lists[u]] for u, liked in enumerate(instance["liked"])}
    )
    single = [Metrics.NDKL(pd.DataFrame({0: shown}), groups) for shown in lists[:100]]
    rbp, by_group = Metrics.ERBE(table, groups, 0.85, "MaxMinDiff")
    return {
        "exp_min_max": float(Metrics.EXP(table, groups, "MinMaxRatio")[0]),
        "erbp_min_max": float(Metrics.ERBP(table, groups, 0.85, "MinMaxRatio")[0]),
        "erbe_max_min_difference": float(rbp),
        "erbe_by_group": {group: float(value) for group, value in by_group.items()},
        "awrf_geometric_min_max": float(Metrics.AWRF(table, groups, 0.2, "MinMaxRatio")[0]),
        "exposure_by_utility_two_groups": {
            g: float(v) for g, v in Metrics.EXPU(table, two, relevant, "MinMaxRatio")[1].items()
        },
        "ndkl_against_own_mix": [float(value) for value in single],
    }


def lenskit(instance: dict) -> dict:
    """Figures of LensKit."""
    from lenskit.data import ItemList, ItemListCollection, from_interactions_df
    from lenskit.metrics import NDCG, ExposureGini, GeometricRankWeight, ListGini, LogRankWeight, RunAnalysis

    lists = instance["lists"]
    everything = pd.DataFrame({"user_id": 0, "item_id": range(len(instance["category"]))})
    catalogue = from_interactions_df(everything)
    shown = ItemListCollection.from_dict(
        {u: ItemList(item_ids=items, ordered=True) for u, items in enumerate(lists)}, "user_id"
    )
    wanted = ItemListCollection.from_dict(
        {u: ItemList(item_ids=items) for u, items in enumerate(instance["liked"])}, "user_id"
    )

    def measure(metric: object) -> float:
        found = RunAnalysis(metric).measure(shown, wanted)
        values = found.global_metrics() if hasattr(metric, "measure_run") else None
        values = found.global_metrics() if values is None or not len(values) else values
        return float(values.iloc[0]) if len(values) else float(found.list_summary()["mean"].iloc[0])

    k = len(lists[0])
    return {
        "gini_of_places": measure(ListGini(k, items=catalogue)),
        "gini_clipped": measure(ExposureGini(k, items=catalogue, weight=LogRankWeight())),
        "gini_rbp": measure(ExposureGini(k, items=catalogue, weight=GeometricRankWeight(0.85))),
        "ndcg_clipped": measure(NDCG(k)),
    }


def ranx(instance: dict) -> dict:
    """Figures of ranx."""
    from ranx import Qrels, Run, evaluate

    wanted = {f"u{u}": {f"i{item}": 1 for item in liked} for u, liked in enumerate(instance["liked"])}
    shown = {
        f"u{u}": {f"i{item}": float(len(items) - rank) for rank, item in enumerate(items)}
        for u, items in enumerate(instance["lists"])
    }
    found = evaluate(Qrels(wanted), Run(shown), ["ndcg@10", "rbp.85", "recall@10"])
    return {name: float(value) for name, value in found.items()}


if __name__ == "__main__":
    given = runpy.run_path(str(Path(__file__).with_name("instance.py")))["draw"]()
    json.dump({"fair_rank_tune": fair_rank_tune(given), "lenskit": lenskit(given), "ranx": ranx(given)}, sys.stdout)
