"""Divisions, records and tables of the protocol."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.protocol import data, records, summary
from benchmarks.protocol.data import Dataset
from benchmarks.protocol.records import Key, Record
from benchmarks.protocol.splits import divide
from benchmarks.protocol.work import Plan, all_keys, batches

KEY = Key(data="invented", seed=0, epsilon=1.0, delta=1e-5, method="ease", noise="numpy", code="0")
TIMES = {"fit": 2.0, "serve": 1.0}


def record(key: Key, recall: dict[str, float], subjects: dict[str, int]) -> Record:
    return Record(key=key, subjects=subjects, recall=recall, ndcg=recall, seconds=TIMES, processor=TIMES)


def plan(**changed: object) -> Plan:
    terms = {"folder": Path(), "epsilons": (1.0, math.inf), "seeds": 2, "delta": 1e-5, "methods": ("ease", "adadpals")}
    return Plan(**{**terms, "noise": "numpy", "device": "cpu", "threads": 1, "jobs": 1, **changed})  # type: ignore[arg-type]


def test_a_division_loses_nobody_and_holds_out_only_long_histories(dataset: Dataset) -> None:
    split = divide(dataset, 0)
    parts = [split.train.subjects, split.validation.shown.subjects, split.test.shown.subjects]
    everyone = [subject for part in parts for subject in part]

    assert sorted(everyone) == sorted(dataset.interactions.subjects)
    for part in (split.validation, split.test):
        assert (part.shown.lengths + part.targets.lengths >= 5).all()
        assert part.shown.matrix.multiply(part.targets.matrix).nnz == 0


def test_groups_follow_the_subjects_into_the_test_part(dataset: Dataset) -> None:
    test = divide(dataset, 0).test

    first = [int(subject.removeprefix("subject-")) < 30 for subject in test.shown.subjects]
    assert test.groups["half: first"].tolist() == first
    assert np.sum([mask for name, mask in test.groups.items() if name.startswith("activity")], axis=0).tolist() == [
        1
    ] * len(first)


def test_a_seed_gives_one_division_and_another_seed_another(dataset: Dataset) -> None:
    first, again, other = (divide(dataset, seed).test.shown for seed in (0, 0, 1))

    assert first.subjects == again.subjects
    assert (first.matrix != again.matrix).nnz == 0
    assert first.subjects != other.subjects


def test_a_run_goes_on_after_a_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    first = record(KEY, {"everyone": 0.25}, {"everyone": 4})
    second = record(replace(KEY, epsilon=math.inf), {"everyone": 0.5}, {"everyone": 4})
    path.write_text(records.written(first) + "\n" + records.written(second)[:40])
    assert list(records.read_all(path)) == [KEY]

    list(records.append(path, [second]))

    assert records.read_all(path) == {KEY: first, second.key: second}


def test_what_is_done_is_not_done_again_unless_its_code_changed(dataset: Dataset) -> None:
    keys = all_keys(plan(), dataset)
    done = {key: record(key, {}, {}) for key in keys}
    stale = replace(keys[0], code="earlier")

    assert len(keys) == 6  # EASE at both ε, AdaDPALS at the finite one, for two seeds
    assert batches(keys, done) == []
    (left,) = batches(keys, {stale if key == keys[0] else key: one for key, one in done.items()})
    assert left.keys == (keys[0],)


def test_code_has_another_digest_when_a_file_changes(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    before = records.code_digest(tmp_path)
    (tmp_path / "a.py").write_text("x = 2\n")

    assert records.code_digest(tmp_path) != before


def test_an_unknown_method_is_refused_with_those_there_are() -> None:
    with pytest.raises(SystemExit, match=r"unknown methods als; there are popularity"):
        plan(methods=("als",))


def test_a_figure_is_the_mean_with_the_sample_deviation_between_seeds() -> None:
    found = summary.figure([0.2, 0.3, 0.4])

    assert found.mean == pytest.approx(0.3)
    assert found.deviation == pytest.approx(0.1)
    assert str(found) == "0.300 ±0.100"


def test_groups_are_pooled_over_subjects_and_compared_with_the_same_model_without_noise() -> None:
    keys = [replace(KEY, seed=seed, epsilon=epsilon) for epsilon in (1.0, math.inf) for seed in (0, 1)]
    noisy = [
        ({"everyone": 0.3, "few": 0.5}, {"everyone": 10, "few": 1}),
        ({"everyone": 0.3, "few": 0.2}, {"everyone": 10, "few": 2}),
    ]
    free = [
        ({"everyone": 0.4, "few": 0.6}, {"everyone": 10, "few": 1}),
        ({"everyone": 0.4, "few": 0.6}, {"everyone": 10, "few": 2}),
    ]
    found = {key: record(key, *content) for key, content in zip(keys, noisy + free, strict=True)}

    figures = summary.summarise(found, keys)
    lines = summary.losses(figures, ["ease"]).splitlines()

    # (0.5 · 1 + 0.2 · 2)/3 = 0.3, half of 0.6
    few = figures.groups["ease", 1.0]["few"]
    assert (few.mean, few.deviation) == (pytest.approx(0.3), pytest.approx(0.3 / 2**0.5))
    assert lines[2].split() == ["everyone", "(20)", "0.300", "±0.000", "-25.0", "%", "0.400", "±0.000", "+0.0", "%"]
    assert lines[3].split() == ["few", "(3)", "0.300", "±0.212", "-50.0", "%", "0.600", "±0.000", "+0.0", "%"]
    assert figures.seconds["ease", 1.0].mean == 2.0


def test_speed_is_told_in_processor_time_for_the_best_model_alone_and_with_all_of_its_release() -> None:
    quality, ours = ({"everyone": 0.3}, {"everyone": 10}), {"measure": 3.0, "denoise": 1.0}
    fits = {"ease": 1.0, "svd": 5.0}
    found = {}
    for method, fit in fits.items():
        taken = {**ours, "fit": fit, "serve": 9.0}
        key = replace(KEY, method=method)
        found[key] = replace(record(key, *quality), seconds=taken, processor=taken)
    peer = replace(KEY, method="dpsgd")
    found[peer] = replace(record(peer, *quality), seconds={"fit": 999.0}, processor={"fit": 40.0})

    (_, _, line) = summary.headline(summary.summarise(found, list(found)), ["ease", "svd"]).splitlines()

    # 40 over 3 + 1 + 1, and over 3 + 1 + 1 + 5
    assert line.split()[-2:] == ["8.0", "4.0"]


def test_movielens_1m_is_read_by_the_rule(tmp_path: Path) -> None:
    ratings = [f"1,{movie},5" for movie in range(1, 6)] + [f"2,{movie},4" for movie in range(1, 5)] + ["2,5,3"]
    (tmp_path / "ratings.csv").write_text("user_id,movie_id,rating\n" + "\n".join(ratings) + "\n")
    movies = [f"{number}::Film {number} (199{number})::Drama|Comedy" for number in range(1, 7)]
    (tmp_path / "movies.dat").write_text("\n".join(movies) + "\n")
    (tmp_path / "users.dat").write_text("1::F::18::0::0\n2::M::45::0::0\n")

    dataset = data.read_dataset(tmp_path)

    assert dataset.name == "ml-1m"
    assert dataset.interactions.subjects == ("1",)  # the other has only four ratings of 4 and more
    assert dataset.interactions.items == ("1", "2", "3", "4", "5", "6")
    assert {attribute: groups.tolist() for attribute, groups in dataset.groups.items()} == {
        "gender": ["women"],
        "age": ["under 25"],
    }
    assert dataset.features is not None
    assert dataset.features.names == ("decade:1990s", "genre:Comedy", "genre:Drama")


def test_msweb_keeps_visitors_with_two_areas(tmp_path: Path) -> None:
    lines = ['A,1000,1,"a","/a"', 'A,1001,1,"b","/b"', 'C,"10001",10001', "V,1000,1", "V,1001,1", 'C,"10002",10002']
    (tmp_path / "anonymous-msweb.data").write_text("\n".join([*lines, "V,1000,1", ""]))

    dataset = data.read_dataset(tmp_path)

    assert dataset.interactions.subjects == ("10001",)
    assert dataset.interactions.items == ("1000", "1001")


def test_a_folder_that_holds_none_of_the_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"expected one of movies\.dat, u\.data, anonymous-msweb\.data"):
        data.read_dataset(tmp_path)
