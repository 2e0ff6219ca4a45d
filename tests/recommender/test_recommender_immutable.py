"""An artefact in memory says what its digest says: nothing that it holds can be written to, by whatever way it came."""

import copy
import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix, issparse

from recommender.accounting import no_guarantee
from recommender.autoencoder.artefact import Autoencoder
from recommender.autoencoder.mechanism import DeepMechanism
from recommender.bandit.statistics import Batch, StreamMechanism, advance, begin, statistics
from recommender.exact_sums import basis_of
from recommender.features import CatalogueFeatures
from recommender.interactions import Interactions
from recommender.linear_model import ItemPrices
from recommender.measurement import exact_sums
from recommender.mechanism import plan
from recommender.models import get_kind
from recommender.noise import NoiseSource
from recommender.ratings.measurement import measure_ratings
from recommender.ratings.mechanism import plan_ratings
from recommender.ratings.table import Ratings
from recommender.release import Release, load_release
from recommender.serving import Recommender
from recommender.sums_encoding import from_bytes, to_bytes

Make = Callable[[], Any]


@pytest.fixture(
    params=[
        "release",
        "linear_model",
        "autoencoder",
        "kept_sums",
        "rating_release",
        "rating_model",
        "stream",
        "statistics",
    ]
)
def artefact(request: pytest.FixtureRequest, makers: dict[str, Make]) -> Any:  # noqa: ANN401 - of any type
    return makers[request.param]()


@pytest.fixture
def makers(
    release: Release, population: Interactions, features: CatalogueFeatures, silence: NoiseSource
) -> dict[str, Make]:
    def priced() -> Any:  # noqa: ANN401
        model = get_kind("temporal").fit(release)
        return model.with_prices(ItemPrices("genre", ("drama",), np.ones(1), np.zeros((len(model.items), 1))))

    def kept_sums() -> Any:  # noqa: ANN401
        mechanism = plan(5.0, 1e-6, shares=(("categories", 0.1),))
        return exact_sums(population, mechanism, basis=basis_of(release), features=features)

    def rating_release() -> Any:  # noqa: ANN401
        ratings = Ratings(population, 1.0 + np.arange(population.matrix.nnz) % 5, 1.0, 5.0)
        return measure_ratings(ratings, plan_ratings(5.0, 1e-6), noise=silence)

    def stream() -> Any:  # noqa: ANN401
        begun = begin(StreamMechanism(epsilon=2.0, delta=1e-6, horizon=4, dimension=2))
        return advance(begun, Batch(("a", "b"), np.eye(2), np.ones(2)), noise=silence)

    return {
        "release": lambda: release,
        "linear_model": priced,
        "autoencoder": _autoencoder,
        "kept_sums": kept_sums,
        "rating_release": rating_release,
        "rating_model": lambda: rating_release().model(),
        "stream": stream,
        "statistics": lambda: statistics(stream()),
    }


def _autoencoder() -> Autoencoder:
    return Autoencoder(
        items=("x", "y"),
        encoder=np.ones((2, 1), dtype=np.float32),
        decoder=np.ones((1, 2), dtype=np.float32),
        popularity=np.ones(2),
        history_weights=np.ones(2),
        release_digest="0" * 64,
        guarantee=no_guarantee("none"),
        mechanism=DeepMechanism(noise_multiplier=1.0, max_grad_norm=1.0, sampling_rate=0.5, steps=1, delta=1e-6),
    )


def _held(value: object) -> Iterator[Any]:
    """Every array and mapping below a value."""
    if isinstance(value, np.ndarray | Mapping):
        yield value
    if issparse(value):
        yield from (value.data, value.indices, value.indptr)
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _held(each)
    if is_dataclass(value):
        for field in fields(value):
            yield from _held(getattr(value, field.name))


def _ways(artefact: Any) -> dict[str, Any]:  # noqa: ANN401 - of any type
    return {
        "as made": artefact,
        "copied": copy.copy(artefact),
        "copied to the bottom": copy.deepcopy(artefact),
        "pickled": pickle.loads(pickle.dumps(artefact)),  # noqa: S301 - our own bytes
        "replaced": replace(artefact),
    }


def test_no_array_and_no_mapping_of_an_artefact_can_be_written_to(artefact: Any) -> None:  # noqa: ANN401
    for way, each in _ways(artefact).items():
        held = list(_held(each))
        assert held, way
        for value in held:
            with pytest.raises((ValueError, TypeError), match=r"read-only|does not support item assignment"):
                value[...] = 0
            if isinstance(value, np.ndarray):
                assert not _root(value).flags.writeable, way


def _root(array: np.ndarray) -> np.ndarray:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def test_copies_and_pickles_say_the_same(release: Release) -> None:
    assert {each.digest for each in _ways(release).values()} == {release.digest}


def test_what_was_read_from_a_folder_cannot_be_written_to_either(release: Release, tmp_path: Path) -> None:
    model = get_kind("ease").fit(release)
    read = Recommender.load(tmp_path / "model", model.save(tmp_path / "model")).model

    for each in (load_release(tmp_path / "release", release.save(tmp_path / "release")), read):
        assert not any(value.flags.writeable for value in _held(each) if isinstance(value, np.ndarray))


def test_kept_sums_that_were_read_cannot_be_written_to_either(makers: dict[str, Make]) -> None:
    read = from_bytes(to_bytes(makers["kept_sums"]()))

    with pytest.raises(ValueError, match="read-only"):
        read.gram[0, 0] += 1


def test_whoever_made_an_array_may_go_on_writing_to_it_and_the_artefact_does_not_change(release: Release) -> None:
    mine = release.gram.copy()
    made = replace(release, gram=mine)
    before = made.digest

    mine[0, 0] += 1e6

    assert (made.gram == release.gram).all()
    assert made.digest == before


def test_an_array_that_nobody_can_write_to_is_not_copied(release: Release) -> None:
    assert replace(release, items=release.items).gram is release.gram


def test_a_read_only_view_of_an_array_that_somebody_can_write_to_is_copied(release: Release) -> None:
    mine = release.gram.copy()
    view = mine[:, :]
    view.setflags(write=False)
    made = replace(release, gram=view)

    mine[0, 0] += 1e6

    assert made.gram[0, 0] == release.gram[0, 0]


def test_the_same_recommender_cannot_come_to_serve_other_scores(release: Release, population: Interactions) -> None:
    model = get_kind("ease").fit(release)
    assert model.weights is not None

    with pytest.raises(ValueError, match="read-only"):
        model.weights[:] = 0

    assert Recommender(model).scores(population).any()


def test_metadata_with_details_cannot_be_written_to() -> None:
    details = csr_matrix(np.eye(2))
    made = CatalogueFeatures(("x", "y"), (), np.zeros((2, 0)), details)

    details.data[:] = 7

    assert made.details_of(["x", "y"]).tolist() == [[1, 0], [0, 1]]
    assert made.details is not None
    assert not made.details.data.flags.writeable
