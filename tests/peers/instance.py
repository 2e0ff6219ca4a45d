"""The lists that we and the peers measure: 300 subjects, 120 items, the best ten, 4 categories. Needs numpy alone."""

import numpy as np

SEED = 20251126
SUBJECTS, ITEMS, K, CATEGORIES = 300, 120, 10, 4


def draw() -> dict[str, list]:
    """Item of each subject and rank, category of each item, items that each subject likes."""
    rng = np.random.default_rng(SEED)
    category = rng.choice(CATEGORIES, size=ITEMS, p=[0.45, 0.3, 0.17, 0.08])
    appeal = rng.normal(size=ITEMS) + 0.5 * (category == 0) - 0.6 * (category == 3)
    taste = rng.normal(scale=0.8, size=(SUBJECTS, CATEGORIES))[:, category]
    scores = appeal + taste + rng.gumbel(size=(SUBJECTS, ITEMS))
    lists = np.argsort(-scores, axis=1)[:, :K]
    liked = appeal + taste + rng.gumbel(size=(SUBJECTS, ITEMS)) > np.quantile(scores, 0.95)
    liked[np.arange(SUBJECTS), lists[:, K // 2]] |= ~liked.any(axis=1)
    return {
        "lists": lists.tolist(),
        "category": category.tolist(),
        "liked": [np.flatnonzero(row).tolist() for row in liked],
    }
