"""`probity mitigate --method …` on anybody's files: what is written is what serving and the gate take."""

import csv
import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audits.mitigation.online import largest_violation, serve_next
from audits.mitigation.report import MitigationReport
from audits.scores import score_matrix
from audits.sources import read_history, read_items, read_scores
from governance.pipeline.controlled import ORDER_SALT, controlled
from governance.pipeline.scored import split
from recommender.errors import BadPrices
from recommender.price_file import load_prices
from tests.pipeline.conftest import Run
from tests.pipeline.scored import arguments, write, write_files

HISTORY = {"history": "history.csv"}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """As for prices; what subjects chose before are films, and every tenth of them chose nothing."""
    write_files(tmp_path)
    rows: list[dict[str, object]] = [{"subject": s, "item": i} for s in range(90) if s % 10 for i in (0, 24 + s % 6)]
    write(tmp_path / "history.csv", rows)
    return tmp_path


def report_in(files: Path) -> MitigationReport:
    return MitigationReport.from_json((files / "report.json").read_bytes())


@pytest.mark.parametrize("out", ["prices.json", "prices.yaml"])
def test_the_file_that_online_writes_serves_as_its_report_says(files: Path, probity: Run, out: str) -> None:
    ran = probity(*arguments(files, out=out, report="report.json"), "--method", "online", "--json")
    said, report = json.loads(ran.out), report_in(files)
    membership, items = read_items(files / "items.csv")
    matrix = score_matrix(read_scores(files / "scores.csv"), items)
    _, aside = split(matrix.subjects, 0.3)
    serving, correction = controlled(load_prices(files / out, expected_digest=said["sha256"]), items, membership)
    state = serving.start()
    for place in sorted(aside, key=lambda place: sha256(ORDER_SALT + matrix.subjects[place].encode()).digest()):
        _, state = serve_next(serving, state, matrix.scores[place], correction, excluded=matrix.excluded[place])

    assert ran.code == 0
    assert report.served is not None
    assert report.served.courses[-1].violation[-1] == pytest.approx(largest_violation(serving, state), abs=1e-6)
    assert said["violation_after_the_last_list"]["prices and controller"] < 0.05
    assert said["violation_after_the_last_list"]["no mitigation"] > 0.1
    assert said["controller"] == {"name": "owed", "gain": report.served.gain}
    assert report.subjects == aside.size


def test_online_says_who_pays_against_what_and_is_the_same_again(files: Path, probity: Run) -> None:
    told = {name: f"{name}.csv" for name in ("groups", "history", "relevance")}
    options = ("--method", "online", "--controller", "penalty", "--gain", "3", "--arrive-by", "group")
    ran = probity(*arguments(files, **told, report="report.json"), *options)
    first, prices = (files / "report.json").read_bytes(), (files / "prices.json").read_bytes()
    again = probity(*arguments(files, **told, report="report.json"), *options)
    report = report_in(files)
    probity(*arguments(files, **told, report="report.html"), *options)

    assert (ran.code, again.code) == (0, 0)
    assert ((files / "report.json").read_bytes(), (files / "prices.json").read_bytes()) == (first, prices)
    assert report.served is not None
    assert (report.served.controller, report.served.gain) == ("penalty", 3.0)
    assert report.served.arrival == "by group, group after group"
    assert {row.attribute for row in report.utility} == {None, "activity", "group"}
    assert "Against prices alone, the controller changes the utility kept" in ran.out
    assert "<polyline" in (files / "report.html").read_text()


def test_prices_without_a_controller_are_not_served_with_one(files: Path, probity: Run) -> None:
    probity(*arguments(files))
    membership, items = read_items(files / "items.csv")
    with pytest.raises(BadPrices, match="expected one that names a controller"):
        controlled(load_prices(files / "prices.json", expected_digest=None), items, membership)


def test_a_catalogue_without_a_priced_category_is_not_served(files: Path, probity: Run) -> None:
    probity(*arguments(files), "--method", "online")
    membership, items = read_items(files / "items.csv")
    films = type(membership)(
        membership.table.filter(pa.array([c == "film" for c in membership.table["category"].to_pylist()]))
    )
    with pytest.raises(BadPrices, match="category=documentary"):
        controlled(load_prices(files / "prices.json", expected_digest=None), items[:3], films)


def kl(wanted: np.ndarray, shown: np.ndarray) -> float:
    """Steck's divergence, from the paper's formula."""
    blended = 0.99 * shown + 0.01 * wanted
    return float(sum(p * np.log(p / q) for p, q in zip(wanted, blended, strict=True) if p))


def test_calibrated_lists_are_what_the_gate_takes_and_as_far_from_their_subjects_as_is_said(
    files: Path, probity: Run
) -> None:
    given = arguments(files, **HISTORY, out="lists.csv", report="report.json")
    ran = probity(*given, "--method", "calibrated", "--strength", "0.6", "--json")
    said, report = json.loads(ran.out), report_in(files)
    lists = list(csv.DictReader((files / "lists.csv").read_text().splitlines()))
    tables = (
        "--recommendations",
        files / "lists.csv",
        "--items",
        files / "items.csv",
        "--policy",
        files / "policy.yaml",
    )
    gate = probity("gate", "check", *tables)
    weights = 1 / np.log2(np.arange(2, 7)) / (1 / np.log2(np.arange(2, 7))).sum()
    _, aside = split(sorted(map(str, range(90))), 0.3)
    held_out = [sorted(map(str, range(90)))[place] for place in aside]
    known = [subject for subject in held_out if int(subject) % 10]
    missed = []
    for subject in known:
        mine = sorted((int(row["rank"]), int(row["item"])) for row in lists if row["subject"] == subject)
        documentary = sum(weights[rank - 1] for rank, item in mine if item >= 24)
        missed.append(kl(np.array([0.5, 0.5]), np.array([1 - documentary, documentary])))

    assert (ran.code, gate.code) == (0, 0), gate.out
    assert len(lists) == 90 * 5 == said["rows"]
    assert said["miscalibration"][1] == pytest.approx(np.mean(missed))
    assert said["miscalibration"][0] > said["miscalibration"][1] + 0.3
    assert (said["strength"], said["subjects_without_history"]) == (0.6, len(held_out) - len(known))
    assert report.reranked is not None
    assert report.reranked.n == len(known)


def test_subjects_without_a_history_keep_their_order_and_nobody_gets_what_they_chose_before(
    files: Path, probity: Run
) -> None:
    probity(*arguments(files, **HISTORY, out="lists.parquet"), "--method", "calibrated", "--strength", "1")
    lists = pq.read_table(files / "lists.parquet").to_pylist()
    rows = list(csv.DictReader((files / "scores.csv").read_text().splitlines()))
    best = sorted((row for row in rows if row["subject"] == "10"), key=lambda row: -float(row["score"]))[:5]
    history = {(row["subject"], row["item"]) for row in read_history(files / "history.csv").to_pylist()}

    assert [row["item"] for row in lists if row["subject"] == "10"] == [row["item"] for row in best]
    assert [row["rank"] for row in lists if row["subject"] == "10"] == [1, 2, 3, 4, 5]
    assert not history & {(row["subject"], row["item"]) for row in lists}


@pytest.mark.parametrize("method", ["calibrated", "diverse"])
def test_a_strength_is_found_at_which_enough_is_kept(files: Path, probity: Run, method: str) -> None:
    given = arguments(files, **HISTORY, out="lists.csv", report="report.json")
    ran = probity(*given, "--method", method, "--keep", "0.97")
    report = report_in(files)

    assert ran.code == 0
    assert report.reranked is not None
    assert report.reranked.kept_in_choosing is not None
    assert report.reranked.kept_in_choosing >= 0.97
    assert 0 < report.reranked.strength < 1
    assert report.utility[0].kept == pytest.approx(0.97, abs=0.01)
    assert "at which" in ran.out
    assert "keep 97.0% of their utility" in ran.out


def test_varied_lists_have_fewer_pairs_of_one_category(files: Path, probity: Run) -> None:
    ran = probity(*arguments(files, out="lists.csv", report="report.html"), "--method", "diverse", "--strength", "0.5",
                  "--json")  # fmt: skip
    before, after = json.loads(ran.out)["intra_list_diversity"]

    assert ran.code == 0
    assert before < 0.2 < after
    assert "Lists of varied items" in (files / "report.html").read_text()


def test_where_items_have_several_attributes_one_is_asked_for(files: Path, probity: Run) -> None:
    rows: list[dict[str, object]] = []
    for row in csv.DictReader((files / "items.csv").read_text().splitlines()):
        rows += [{**row, "attribute": "category"}, {"item": row["item"], "category": "long", "attribute": "length"}]
    write(files / "items.csv", rows)
    policy = (files / "policy.yaml").read_text()
    given = arguments(files, out="lists.csv", report="report.json")
    by_policy = probity(*given, "--method", "diverse", "--strength", "0.5", "--json")
    by_name = probity(*given, "--method", "diverse", "--strength", "0.5", "--attribute", "length", "--json")
    shown = {row.attribute for row in report_in(files).exposure}
    (files / "policy.yaml").write_text(policy.replace("attribute: category", "attribute: origin"))
    neither = probity(*given, "--method", "diverse", "--strength", "0.5")

    assert json.loads(by_policy.out)["attribute"] == "category"
    assert json.loads(by_name.out)["attribute"] == "length"
    assert shown == {"category", "length"}
    assert (neither.code, "expected one of category, length, got none" in neither.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "out", "says"),
    [
        (
            ("--method", "calibrated", "--strength", "0.5"),
            "lists.csv",
            "expected what the scores' subjects chose before (--history)",
        ),
        (
            ("--method", "diverse"),
            "lists.csv",
            "expected either a strength or a part of the utility to keep, got neither",
        ),
        (("--method", "diverse", "--strength", "0.5", "--keep", "0.9"), "lists.csv", "got strength 0.5 and keep 0.9"),
        (
            ("--method", "diverse", "--strength", "1.5"),
            "lists.csv",
            "expected a strength from 0 to 1, got strength 1.5",
        ),
        (
            ("--method", "diverse", "--strength", "nan"),
            "lists.csv",
            "expected a strength from 0 to 1, got strength nan",
        ),
        (("--method", "diverse", "--keep", "0"), "lists.csv", "a part to keep above 0 and at most 1, got keep 0"),
        (("--method", "diverse", "--strength", "0.5"), "lists.json", "a file that ends with .csv or .parquet"),
        (("--method", "diverse", "--strength", "0.5", "--gain", "1"), "lists.csv", "--method diverse takes no --gain"),
        (("--method", "online", "--keep", "0.9"), "prices.json", "--method online takes no --keep"),
        (("--controller", "owed"), "prices.json", "--method prices takes no --controller"),
        (("--method", "online", "--gain", "0"), "prices.json", "gain: expected a positive number"),
        (("--method", "online", "--arrive-by", "age"), "prices.json", "known of the subjects, nothing"),
        (("--method", "online"), "prices.csv", "a file that ends with .json or .yaml or .yml"),
    ],
)
def test_what_a_method_cannot_do_is_refused_in_one_line_and_nothing_is_written(
    files: Path, probity: Run, options: tuple[str, ...], out: str, says: str
) -> None:
    ran = probity(*arguments(files, out=out, report="report.json"), *options)

    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert not (files / out).exists()
    assert not (files / "report.json").exists()


def test_a_registered_model_is_served_at_fixed_prices_alone(probity: Run) -> None:
    ran = probity("mitigate", "00000000-0000-4000-8000-000000000001", "--method", "online")

    assert ran.code == 2
    assert "expected --method prices, got online" in ran.err
    assert "--scores" in ran.err


@pytest.mark.parametrize("option", [("--relative",), ("--held-out-share", "0.5"), ("--keep", "0.9")])
def test_what_a_registered_model_does_not_take_is_refused_and_not_left_out(
    probity: Run, option: tuple[str, ...]
) -> None:
    ran = probity("mitigate", "00000000-0000-4000-8000-000000000001", *option)

    assert (ran.code, f"got also {option[0]}" in ran.err) == (2, True)


def test_lists_do_not_overwrite_the_scores_they_are_made_from(files: Path, probity: Run) -> None:
    before = (files / "scores.csv").read_bytes()
    ran = probity(*arguments(files, out="scores.csv"), "--method", "diverse", "--strength", "0.3")

    assert (ran.code, "--out: expected a file of its own" in ran.err) == (2, True)
    assert (files / "scores.csv").read_bytes() == before


def test_histories_of_nobody_who_has_scores_are_refused_and_not_taken_for_everybody_content(
    files: Path, probity: Run
) -> None:
    history = (files / "history.csv").read_text().splitlines()
    (files / "history.csv").write_text("\n".join([history[0], *(f"user-{row}" for row in history[1:])]))
    ran = probity(*arguments(files, **HISTORY, out="lists.csv"), "--method", "calibrated", "--keep", "0.9")

    assert (ran.code, "got that of others, or of other items" in ran.err) == (2, True)
    assert not (files / "lists.csv").exists()
