"""Divisions small enough to look through."""

import numpy as np
import pytest

from benchmarks.protocol.data import Dataset
from recommender.interactions import Interactions, ones


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """Sixty invented subjects with 2 to 12 of 30 items, in two groups."""
    rng = np.random.default_rng(3)
    rows, columns = [], []
    for subject in range(60):
        held = rng.choice(30, size=rng.integers(2, 13), replace=False)
        rows += [subject] * len(held)
        columns += held.tolist()
    interactions = Interactions(
        tuple(f"subject-{number:02d}" for number in range(60)),
        tuple(f"item-{number:02d}" for number in range(30)),
        ones(np.array(rows), np.array(columns), (60, 30)),
    )
    return Dataset(
        name="invented",
        interactions=interactions,
        features=None,
        groups={"half": np.array(["first", "second"]).repeat(30)},
    )
