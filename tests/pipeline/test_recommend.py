"""What a list is asked for besides whom: the moment, an age, a market, images."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from governance.clock import system_clock
from governance.errors import InvalidInput
from governance.pipeline.catalogue import save_catalogue
from governance.pipeline.home import Home, initialise
from governance.pipeline.recommend import Occasion, Recommended, list_for
from governance.settings import load_settings
from pseudonymisation.sources.source import catalogue_of
from recommender.accounting import no_guarantee
from recommender.explanation import Reason
from recommender.linear_model import LinearModel
from recommender.serving import Recommender

TITLES = ("a", "b", "c", "d")
LABELS = [
    ("a", "genre", "drama"),
    ("b", "genre", "drama"),
    ("c", "genre", "comedy"),
    ("d", "genre", "drama"),
    ("b", "maturity", "12+"),
    ("c", "maturity", "all"),
    ("d", "maturity", "16+"),
    ("b", "market", "SE"),
    ("c", "market", "FI"),
    ("c", "artwork", "c-lead"),
    ("c", "artwork", "c-landscape"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    here = initialise(load_settings(tmp_path_factory.mktemp("lists") / "home"), clock=system_clock)
    save_catalogue(
        here.settings.folder("catalogue"), catalogue_of([(t, t.upper(), None, None) for t in TITLES], LABELS)
    )
    yield here
    here.engine.dispose()


@pytest.fixture
def recommender() -> Recommender:
    """After a, b scores 3, c 2, d 1; on weekend nights b counts for a tenth."""
    lifts = np.ones((4, 8), dtype=np.float32)
    lifts[1, 1] = 0.1
    model = LinearModel(
        kind="by hand",
        items=TITLES,
        weights=np.array([[0, 3, 2, 1], *[[0] * 4] * 3], dtype=np.float32),
        popularity=np.array([4.0, 1.0, 2.9, 3.0]),
        history_weights=np.ones(4),
        release_digest="0" * 64,
        guarantee=no_guarantee("by hand"),
        slot_lifts=lifts,
    )
    return Recommender(model)


def items(listed: list[Recommended]) -> list[str]:
    return [each.item for each in listed]


def test_a_moment_is_the_same_however_its_clock_is_set_for_slots_are_learnt_in_utc(
    home: Home, recommender: Recommender
) -> None:
    night = datetime(2026, 11, 28, 23, 30, tzinfo=timezone(timedelta(hours=-2)))  # a Saturday; Sunday 01:30 in UTC

    there = list_for(home, recommender, ["a"], 3, Occasion(at=night))
    in_utc = list_for(home, recommender, ["a"], 3, Occasion(at=night.astimezone(UTC)))

    assert items(there) == items(in_utc) == ["c", "d", "b"]
    assert {each.because for each in in_utc} == {(("A", 1.0),)}


def test_without_a_moment_it_is_the_homes_own(home: Home, recommender: Recommender) -> None:
    sunday_night = replace(home, clock=lambda: datetime(2026, 11, 29, 1, 30, tzinfo=UTC))

    assert items(list_for(sunday_night, recommender, ["a"], 3)) == ["c", "d", "b"]


def test_an_age_leaves_out_what_is_for_older_people(home: Home, recommender: Recommender) -> None:
    assert items(list_for(home, recommender, ["a"], 3, Occasion(max_age=12, at=_noon()))) == ["b", "c"]


def test_a_market_leaves_out_what_is_only_shown_elsewhere(home: Home, recommender: Recommender) -> None:
    assert items(list_for(home, recommender, ["a"], 3, Occasion(market="FI", at=_noon()))) == ["c", "d"]


def test_refuses_a_market_that_no_title_names(home: Home, recommender: Recommender) -> None:
    with pytest.raises(InvalidInput, match="got 'XX'"):
        list_for(home, recommender, ["a"], 3, Occasion(market="XX"))


def test_refuses_an_age_where_the_catalogue_knows_none(home: Home, recommender: Recommender, tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "home")
    save_catalogue(settings.folder("catalogue"), catalogue_of([("a", "A", None, None)], []))

    with pytest.raises(InvalidInput, match="without maturity"):
        list_for(replace(home, settings=settings), recommender, ["a"], 3, Occasion(max_age=12))


def test_a_title_with_images_comes_with_one_and_its_chance_when_there_is_a_draw(
    home: Home, recommender: Recommender
) -> None:
    drawn = list_for(home, recommender, ["a"], 3, Occasion(rng=np.random.default_rng(1), at=_noon()))

    assert [each.artwork and each.artwork.propensity for each in drawn] == [None, 0.5, None]
    assert {each.artwork.image for each in drawn if each.artwork} < {"c-lead", "c-landscape"}
    assert {each.artwork for each in list_for(home, recommender, ["a"], 3)} == {None}


@pytest.mark.parametrize(
    ("history", "reason"),
    [(None, Reason.NOT_PROFILED), ([], Reason.NO_HISTORY), (["film of 1931"], Reason.NO_KNOWN_HISTORY)],
)
def test_without_anything_to_go_by_popular_titles_differ_from_each_other_and_say_why(
    home: Home, recommender: Recommender, history: list[str] | None, reason: Reason
) -> None:
    common = list_for(home, recommender, history, 4, Occasion(at=_noon()))

    # By popularity alone it were a, d, c, b; a and d are of one genre, which costs d its place.
    assert items(common) == ["a", "c", "d", "b"]
    assert [each.score for each in common] == [4.0, 2.9, 3.0, 1.0]
    assert {(each.because, each.reason) for each in common} == {((), str(reason))}


def test_a_list_that_uses_nothing_about_anyone_uses_no_hour_and_keeps_to_age_and_market(
    home: Home, recommender: Recommender
) -> None:
    night = datetime(2026, 11, 29, 1, 30, tzinfo=UTC)  # when b counts for a tenth

    assert items(list_for(home, recommender, None, 4, Occasion(at=night, max_age=12))) == ["c", "b"]
    assert items(list_for(home, recommender, None, 2, Occasion(at=night, market="SE"))) == ["a", "d"]


def test_a_model_that_is_the_same_for_everybody_says_that_and_no_other_reason(
    home: Home, recommender: Recommender
) -> None:
    popular = Recommender(replace(recommender.model, weights=None))  # type: ignore[type-var] # a LinearModel

    listed = list_for(home, popular, ["a"], 3, Occasion(at=_noon()))

    assert items(listed) == ["d", "c", "b"]
    assert {each.reason for each in listed} == {str(Reason.SAME_FOR_ALL)}


def _noon() -> datetime:
    return datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
