"""What a training from kept sums refuses before it costs anything."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from governance.pipeline import retrain
from governance.pipeline.catalogue import load_catalogue, save_catalogue
from governance.pipeline.home import Home
from governance.pipeline.kept_sums import KeptSums
from recommender.mechanism import Mechanism
from tests.pipeline.conftest import Run
from tests.pipeline.summed import kinds_of

# Ibis calls what this DuckDB already calls by another name.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")]


def _another_category(home: Home, _: pytest.MonkeyPatch) -> None:
    folder = home.settings.folder("catalogue")
    known = load_catalogue(folder)
    save_catalogue(folder, replace(known, items=known.items[:1], categories=known.categories[:0]))


def _planning(**changes: object) -> Callable[[Home, pytest.MonkeyPatch], None]:
    def patched(_: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        real = retrain.planned

        def planned(home: Home) -> Mechanism:
            return replace(real(home), **changes)  # type: ignore[arg-type] # fields of a mechanism

        monkeypatch.setattr(retrain, "planned", planned)

    return patched


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_another_category, "the catalogue has changed since"),
        (_planning(delta=0.1), "one over the number of subjects, got 0.1"),
        (_planning(through_lens=False), "measures something else than those sums are of: train anew"),
        (_planning(max_items_per_subject=7), "measures something else than those sums are of: train anew"),
    ],
    ids=["catalogue", "delta", "lens", "cap"],
)
def test_what_the_sums_are_not_of_any_more_costs_nothing(
    keeping: Home,
    probity: Run,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Home, pytest.MonkeyPatch], None],
    said: str,
) -> None:
    kept = KeptSums(keeping).headers()
    change(keeping, monkeypatch)

    ran = probity("train", "--from-sums", kept[0].release[:8], "--home", keeping.settings.home)

    assert ran.code != 0
    assert said in " ".join(ran.err.split())
    assert kinds_of(keeping, "budget.") == ["budget.spent", "budget.reading_begun", "budget.reserved"]
    assert KeptSums(keeping).headers() == kept
