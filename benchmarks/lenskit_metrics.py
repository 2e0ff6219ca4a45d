"""LensKit's figures and time for the lists of ``benchmarks/audits.py``, as JSON.

Run by the interpreter of an environment with LensKit; it shares nothing with ours but the file of lists.
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from lenskit.data import ItemList, ItemListCollection, from_interactions_df
from lenskit.metrics import NDCG, ExposureGini, Hit, LogRankWeight, Recall, RecipRank, RunAnalysis


def main() -> None:
    """Measure the metrics named on the command line."""
    data = np.load(sys.argv[1])
    lists, targets, items = data["lists"], data["targets"], int(data["items"])
    k = lists.shape[1]
    catalogue = from_interactions_df(pd.DataFrame({"user_id": 0, "item_id": np.arange(items)}))
    metrics = {
        "ndcg": NDCG(k),
        "recall": Recall(k),
        "hit_rate": Hit(k),
        "reciprocal_rank": RecipRank(k),
        "exposure_gini": ExposureGini(k, items=catalogue, weight=LogRankWeight()),
    }
    start = time.perf_counter()
    shown = ItemListCollection.from_dict(
        {u: ItemList(item_ids=row, ordered=True) for u, row in enumerate(lists)}, "user_id"
    )
    wanted = ItemListCollection.from_dict({u: ItemList(item_ids=row) for u, row in enumerate(targets)}, "user_id")
    made = time.perf_counter()
    found = RunAnalysis(*(metrics[slug] for slug in sys.argv[2:])).measure(shown, wanted)
    seconds = time.perf_counter() - made
    means, whole = found.list_summary()["mean"], found.global_metrics()
    figures = {}
    for slug in sys.argv[2:]:
        label = metrics[slug].label
        figures[slug] = float(whole[label] if label in whole.index and np.isfinite(whole[label]) else means[label])
    print(json.dumps({"figures": figures, "seconds": seconds, "making": made - start}))


if __name__ == "__main__":
    main()
