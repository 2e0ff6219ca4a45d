import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from recommender.artefact import read_artefact, write_artefact
from recommender.errors import ArtefactExists, CorruptArtefact
from recommender.linear_model import LinearModel, price_items
from recommender.model import load_model
from recommender.models import get_kind
from recommender.release import Release, Signal, load_release


def test_a_release_comes_back_as_it_was_saved(release: Release, tmp_path: Path) -> None:
    digest = release.save(tmp_path / "release")

    back = load_release(tmp_path / "release", digest)

    assert digest == release.digest == back.digest
    assert (back.gram == release.gram).all()
    assert (back.items, back.mechanism, back.guarantee) == (release.items, release.mechanism, release.guarantee)


def test_a_release_keeps_its_further_signals(release: Release, tmp_path: Path) -> None:
    trending = np.arange(len(release.items), dtype=np.float64)
    richer = replace(release, signals={"trending": Signal(trending, 2.5)})

    back = load_release(tmp_path / "release", richer.save(tmp_path / "release"))

    assert back.digest == richer.digest != release.digest
    assert back.signals["trending"].noise == 2.5
    assert (back.signals["trending"].values == trending).all()


@pytest.mark.parametrize("slug", ["ease", "popularity"])
def test_a_model_comes_back_as_it_was_saved(release: Release, tmp_path: Path, slug: str) -> None:
    model = get_kind(slug).fit(release)

    back = load_model(tmp_path / slug, model.save(tmp_path / slug))

    assert back.digest == model.digest
    assert back.release_digest == release.digest
    assert (back.weights is None) == (slug == "popularity")


def test_a_model_keeps_its_prices(priced: LinearModel, tmp_path: Path) -> None:
    back = load_model(tmp_path / "priced", priced.save(tmp_path / "priced"))

    assert back.prices is not None
    assert back.prices.categories == ("comedy", "drama")
    assert priced.prices is not None
    assert (back.prices.per_item == priced.prices.per_item).all()


@pytest.fixture
def priced(release: Release) -> LinearModel:
    model = get_kind("svd").fit(release)
    rows = {"item": list(model.items), "category": ["drama", "comedy"] * (len(model.items) // 2)}
    return model.with_prices(
        price_items(model.items, pa.table(rows), {"drama": 0.0, "comedy": 0.06}, attribute="genre")
    )


def _flip(folder: Path) -> None:
    path = folder / "counts.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


def _swap_names(folder: Path) -> None:
    (folder / "counts.npy").rename(folder / "spare")
    (folder / "history_weights.npy").rename(folder / "counts.npy")
    (folder / "spare").rename(folder / "history_weights.npy")


TAMPERING: dict[str, Callable[[Path], object]] = {
    "one bit flipped": _flip,
    "two files exchanged": _swap_names,
    "a file removed": lambda folder: (folder / "counts.npy").unlink(),
    "a file added": lambda folder: (folder / "extra.npy").write_bytes(b""),
    "a folder inside": lambda folder: (folder / "inner").mkdir(),
    "a friendlier guarantee": lambda folder: (folder / "description.json").write_text(
        (folder / "description.json").read_text().replace('"delta": 1.0', '"delta": 0.0')
    ),
    "all gone": shutil.rmtree,
}


@pytest.mark.parametrize("how", TAMPERING)
def test_a_release_that_was_touched_is_refused(release: Release, tmp_path: Path, how: str) -> None:
    digest = release.save(tmp_path / "release")
    TAMPERING[how](tmp_path / "release")

    with pytest.raises(CorruptArtefact):
        load_release(tmp_path / "release", digest)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptArtefact, match="cannot be read"):
        load_release(tmp_path / "nowhere", "0" * 64)


def test_a_pickle_is_refused_even_under_the_right_digest(tmp_path: Path) -> None:
    folder = tmp_path / "evil"
    write_artefact(folder, {"format": "probity/release/v1"}, {})
    (folder / "counts.npy").write_bytes(_object_array())
    digest = _digest_found(folder)

    with pytest.raises(CorruptArtefact, match="not an artefact of plain arrays"):
        read_artefact(folder, digest)


def _object_array() -> bytes:
    head = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + pickle.dumps([1])


def _digest_found(folder: Path) -> str:
    with pytest.raises(CorruptArtefact) as caught:
        read_artefact(folder, "")
    return str(caught.value).split()[-1]


def test_bytes_after_an_array_are_refused_even_under_the_right_digest(tmp_path: Path) -> None:
    folder = tmp_path / "long"
    write_artefact(folder, {}, {"counts": np.zeros(2)})
    with (folder / "counts.npy").open("ab") as file:
        file.write(b"more")

    with pytest.raises(CorruptArtefact, match="not an artefact of plain arrays"):
        read_artefact(folder, _digest_found(folder))


def test_a_model_is_not_a_release(release: Release, tmp_path: Path) -> None:
    digest = get_kind("ease").fit(release).save(tmp_path / "model")

    with pytest.raises(CorruptArtefact, match="not a release"):
        load_release(tmp_path / "model", digest)
    with pytest.raises(CorruptArtefact, match="not a model"):
        load_model(tmp_path / "release", release.save(tmp_path / "release"))


def test_a_release_with_an_impossible_mechanism_is_refused(release: Release, tmp_path: Path) -> None:
    release.save(tmp_path / "release")
    description = json.loads((tmp_path / "release" / "description.json").read_text())
    description["mechanism"]["counts_share"] = 2.0
    arrays = read_artefact(tmp_path / "release", release.digest)[1]

    with pytest.raises(CorruptArtefact, match="not a release"):
        load_release(tmp_path / "forged", write_artefact(tmp_path / "forged", description, arrays))


@pytest.mark.parametrize(
    "wrong", [{"signals": ["trending"]}, {"guarantee": {"epsilon": 10**400}}, {"format": ["probity/release/v1"]}]
)
def test_a_description_of_another_shape_is_refused(release: Release, tmp_path: Path, wrong: dict[str, object]) -> None:
    description, arrays = read_artefact(tmp_path / "release", release.save(tmp_path / "release"))

    with pytest.raises(CorruptArtefact, match="not a release in the format probity/release/v1"):
        load_release(tmp_path / "forged", write_artefact(tmp_path / "forged", description | wrong, arrays))


def test_saving_the_same_release_again_changes_nothing(release: Release, tmp_path: Path) -> None:
    first = release.save(tmp_path / "release")
    before = (tmp_path / "release").stat().st_mtime_ns

    assert release.save(tmp_path / "release") == first
    assert (tmp_path / "release").stat().st_mtime_ns == before


def test_another_release_never_overwrites_one(release: Release, tmp_path: Path) -> None:
    digest = release.save(tmp_path / "release")

    with pytest.raises(ArtefactExists):
        replace(release, inputs_digest="other").save(tmp_path / "release")
    assert load_release(tmp_path / "release", digest).digest == digest


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    target = tmp_path / "full" / "release"
    too_long = {"x" * 300: np.zeros(1)}

    with pytest.raises(OSError, match="too long"):
        write_artefact(target, {}, too_long)
    assert list((tmp_path / "full").iterdir()) == []
