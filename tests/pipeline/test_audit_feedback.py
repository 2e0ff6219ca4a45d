"""`probity audit feedback` of a registered model: on synthetic subjects, or on those held out, and nobody is named."""

import json
import shutil
from typing import TYPE_CHECKING, cast
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_array

from governance.pipeline.audit import held_out_interactions
from governance.pipeline.feedback import recommending
from governance.pipeline.home import Home
from governance.registry.models import list_models
from recommender.denoise import Denoised, denoise
from recommender.features import CatalogueFeatures
from recommender.interactions import Interactions, interactions_from
from recommender.release import Release
from tests.pipeline.conftest import Run

if TYPE_CHECKING:
    from recommender.serving import Recommender

# Ibis calls what this DuckDB already calls by another name.
pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")

SHORT = ("--rounds", 3, "--seeds", 2, "--list-length", 5)


def _model(home: Home, kind: str = "ease") -> UUID:
    with home.transaction() as session:
        return next(each.id for each in list_models(session) if each.kind == kind)


def test_synthetic_subjects_take_the_model_and_its_release_and_nobodys_data(keeping: Home, probity: Run) -> None:
    shutil.rmtree(keeping.settings.home / "lake")
    asked = ("audit", "feedback", _model(keeping), "--home", keeping.settings.home, "--synthetic", 80, *SHORT)
    ran = probity(*asked, "--json")
    report = json.loads(ran.out)["report"]

    assert ran.code == 0
    assert (report["subjects"], report["rounds"], report["seeds"]) == (80, 3, [1, 2])
    assert report["recommender"].startswith("ease ")
    assert report["subjects_from"] == "synthetic, drawn from the release"
    assert report["baselines"] == ["random lists", "most popular"]
    assert any("is not trained again" in caveat for caveat in report["caveats"])
    assert probity(*asked, "--json").out == ran.out


def test_synthetic_subjects_are_drawn_as_those_that_prices_are_fitted_on(
    keeping: Home, probity: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[CatalogueFeatures | None] = []

    def denoised(release: Release, features: CatalogueFeatures | None = None) -> Denoised:
        known.append(features)
        return denoise(release, features)

    monkeypatch.setattr("governance.pipeline.feedback.denoise", denoised)
    asked = ("audit", "feedback", _model(keeping), "--home", keeping.settings.home, "--synthetic", 20, *SHORT)

    assert probity(*asked).code == 0
    assert [each is not None for each in known] == [True]


def test_held_out_subjects_are_counted_and_never_named(keeping: Home, probity: Run) -> None:
    subjects = held_out_interactions(keeping).subjects
    page = keeping.settings.home / "loop.html"
    home = ("--home", keeping.settings.home)
    ran = probity("audit", "feedback", _model(keeping), *home, "--held-out", *SHORT, "--json", "--report", page)
    told = ran.out + page.read_text()

    assert ran.code == 0
    assert json.loads(ran.out)["report"]["subjects"] == len(subjects)
    assert not any(subject in told for subject in subjects)


def test_too_few_held_out_subjects_give_no_figure(keeping: Home, probity: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = held_out_interactions(keeping)
    monkeypatch.setattr("governance.pipeline.feedback.held_out_interactions", lambda _: found.rows(np.arange(9)))
    ran = probity("audit", "feedback", _model(keeping), "--home", keeping.settings.home, "--held-out", *SHORT)

    assert (ran.code, ran.out) == (3, "")
    assert "expected 10 or more" in ran.err


def test_the_popular_models_lists_differ_only_by_what_was_seen(keeping: Home, probity: Run) -> None:
    asked = ("audit", "feedback", _model(keeping, "popularity"), "--home", keeping.settings.home, "--synthetic", 80)
    report = json.loads(probity(*asked, *SHORT, "--json").out)["report"]
    first = {
        (each["recommender"], each["measure"]): each["means"][0]
        for each in report["trajectories"]
        if each["measure"] == "coverage"
    }

    assert first[report["recommender"], "coverage"] < first["random lists", "coverage"]


def test_a_loop_asks_the_recommender_with_what_was_chosen_as_seen() -> None:
    asked = []

    class Asked:
        def recommend(self, histories: Interactions, k: int) -> pa.Table:
            assert k == 3
            asked.append(histories.matrix.toarray().tolist())
            return pa.table({"subject": ["t", "s", "s"], "item": ["a", "c", "b"], "rank": [1, 1, 2]})

    began = interactions_from(pa.table({"subject": ["s", "t"], "item": ["a", "b"]}), ["a", "b", "c"])
    grown = csr_array(np.array([[2.0, 0, 1], [0, 1, 0]]))
    lists = recommending(cast("Recommender", Asked()), began, 3)(grown, np.random.default_rng(1))

    assert asked == [[[1, 0, 1], [0, 1, 0]]]
    assert lists.tolist() == [[2, 1, -1], [0, -1, -1]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--recommender", "mine:lists"), "expected a registered model's id alone, got also --recommender"),
        (("--attribute", "colour"), "attributes: expected some of"),
        (("--report", "loop.txt"), "--report: expected a file that ends with .html or .json"),
        (("--attention", "nothing"), "attention"),
    ],
)
def test_what_cannot_be_asked_of_a_model_is_a_usage_error(
    keeping: Home, probity: Run, options: tuple[str, str], said: str
) -> None:
    ran = probity("audit", "feedback", _model(keeping), "--home", keeping.settings.home, *options)

    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
