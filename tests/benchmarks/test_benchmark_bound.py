"""What bounds every estimator at an ε."""

import numpy as np

from benchmarks.protocol.bound import OnlyCounts, bound_lists
from benchmarks.protocol.data import Dataset
from benchmarks.protocol.ours import RoundedNoise, Terms, measured
from benchmarks.protocol.work import known_methods, our_methods


def noise() -> OnlyCounts:
    return OnlyCounts(RoundedNoise(np.random.default_rng(1)))


def test_counts_are_as_noisy_as_in_a_release_and_pairs_are_exact(dataset: Dataset) -> None:
    train = dataset.interactions
    bound = measured(train, Terms(epsilon=1.0, delta=1e-5, noise=noise()))
    quiet = measured(train, Terms(epsilon=1.0, delta=1e-5, noise=noise()))
    noisy = measured(train, Terms(epsilon=1.0, delta=1e-5, noise=RoundedNoise(np.random.default_rng(1))))

    assert (bound.counts == noisy.counts).all()
    assert (bound.gram == quiet.gram).all()
    assert np.abs(noisy.gram - bound.gram).std() > 0.5 * noisy.noise.gram
    assert np.trace(bound.gram) <= len(train.subjects)


def test_a_bound_lists_for_the_held_out_and_is_not_one_of_our_models(dataset: Dataset) -> None:
    train = dataset.interactions
    found = bound_lists(dataset, train, train, Terms(epsilon=1.0, delta=1e-5, noise=noise()))

    assert found.lists.shape[0] == len(train.subjects)
    assert found.facts["directions"] <= found.facts["items"] <= 30
    assert found.method in known_methods()
    assert found.method not in our_methods()
