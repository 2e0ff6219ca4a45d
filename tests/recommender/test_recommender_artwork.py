import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.artwork.report import ArtworkConfig, audit_artwork
from audits.artwork.tables import ArtworkInput
from recommender.artwork import ArtworkReason, Exploration, chances, choose_artwork, impressions
from recommender.errors import BadArtwork

scores_of_images = st.lists(st.floats(-100, 100), min_size=1, max_size=12).map(np.array)
explorations = st.builds(Exploration, floor=st.floats(0.001, 1.0), temperature=st.floats(0, 10))


def test_the_best_image_gets_what_the_floors_leave() -> None:
    # Three images at a floor of 0.1: 0.7 is left.
    assert chances(np.array([0.2, 0.5, 0.1]), Exploration(floor=0.1)) == pytest.approx([0.1, 0.8, 0.1])


def test_equals_share_it() -> None:
    assert chances(np.array([0.5, 0.5, 0.1]), Exploration(floor=0.1)) == pytest.approx([0.45, 0.45, 0.1])


def test_a_temperature_shares_it_by_the_exponential_of_the_score() -> None:
    # e^1 and e^0 are to each other as 2.718 to 1, so 0.731 and 0.269 of the 0.8 that are left.
    found = chances(np.array([0.2, 0.1]), Exploration(floor=0.1, temperature=0.1))

    assert found == pytest.approx([0.1 + 0.8 * 0.7310586, 0.1 + 0.8 * 0.2689414])


def test_more_images_than_the_floor_allows_are_equally_likely() -> None:
    assert chances(np.array([1.0, 2.0, 3.0, 4.0]), Exploration(floor=0.5)) == pytest.approx([0.25] * 4)


@given(scores=scores_of_images, exploration=explorations)
def test_chances_are_a_distribution_above_the_floor_that_respects_the_order(
    scores: np.ndarray, exploration: Exploration
) -> None:
    found = chances(scores, exploration)

    assert found.sum() == pytest.approx(1.0)
    assert (found >= min(exploration.floor, 1 / len(scores)) * (1 - 1e-12)).all()
    order = np.argsort(scores, kind="stable")
    assert (np.diff(found[order]) >= -1e-12).all()


@given(
    images=st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-5, 5), min_size=1),
    exploration=explorations,
    seed=st.integers(0, 2**32),
)
def test_the_propensity_is_the_chance_of_the_image_whatever_the_order(
    images: dict[str, float], exploration: Exploration, seed: int
) -> None:
    choice = choose_artwork("t", images, rng=np.random.default_rng(seed), exploration=exploration)
    turned = dict(reversed(images.items()))

    names = sorted(images)
    found = chances(np.array([images[name] for name in names]), exploration)
    assert choice.propensity == found[names.index(choice.image)]
    assert choice == choose_artwork("t", turned, rng=np.random.default_rng(seed), exploration=exploration)


def test_images_are_drawn_as_often_as_stated_and_not_as_often_as_a_wrong_statement_says() -> None:
    rng, images = np.random.default_rng(5), {"a": 0.3, "b": 0.2, "c": 0.1}
    drawn = [choose_artwork("t", images, rng=rng, exploration=Exploration(floor=0.2)).image for _ in range(4000)]
    counts = np.array([drawn.count(name) for name in images])

    def chi_squared(stated: np.ndarray) -> float:
        return float(((counts - 4000 * stated) ** 2 / (4000 * stated)).sum())

    assert chi_squared(np.array([0.6, 0.2, 0.2])) < 9.2  # its 99 % quantile for 2 degrees of freedom
    assert chi_squared(np.array([0.64, 0.18, 0.18])) > 9.2
    assert chi_squared(np.array([0.6, 0.22, 0.18])) > 9.2


def test_each_choice_says_honestly_why() -> None:
    def reasons(images: dict[str, float]) -> set[ArtworkReason]:
        rng = np.random.default_rng(1)
        drawn = [choose_artwork("t", images, rng=rng, exploration=Exploration(floor=0.3)) for _ in range(50)]
        return {choice.reason for choice in drawn}

    assert reasons({"a": 0.1}) == {ArtworkReason.ONLY}
    assert reasons({"a": 0.1, "b": 0.1}) == {ArtworkReason.EQUAL}
    assert reasons({"a": 0.1, "b": 0.2}) == {ArtworkReason.BEST, ArtworkReason.EXPLORED}


@pytest.mark.parametrize("scores", [[], [np.nan], [np.inf, 1.0]])
def test_refuses_images_without_scores_to_choose_by(scores: list[float]) -> None:
    with pytest.raises(BadArtwork, match="expected a finite score"):
        chances(np.array(scores), Exploration())


@pytest.mark.parametrize(("floor", "temperature"), [(0.0, 0.0), (1.5, 0.0), (0.1, -1.0), (np.nan, 0.0), (0.1, np.inf)])
def test_refuses_exploration_that_explores_nothing(floor: float, temperature: float) -> None:
    with pytest.raises(BadArtwork, match="expected a floor"):
        Exploration(floor=floor, temperature=temperature)


def test_an_audit_of_the_log_finds_the_floor_kept_and_no_cohort_preferred() -> None:
    rng, images = np.random.default_rng(3), {"lead": 0.3, "side": 0.1}
    log = pa.concat_tables(
        impressions(
            f"s{n}", [choose_artwork(t, images, rng=rng, exploration=Exploration(floor=0.2)) for t in ("t1", "t2")]
        )
        for n in range(300)
    )
    cohorts = ["x" if int(subject[1:]) % 2 else "y" for subject in log["subject"].to_pylist()]
    eligible = {"title": ["t1", "t1", "t2", "t2"], "image": ["lead", "side"] * 2, "category": ["one", "two"] * 2}

    report = audit_artwork(
        ArtworkInput(impressions=log.append_column("cohort", pa.array(cohorts)), images=pa.table(eligible)),
        config=ArtworkConfig(floor=0.2, provenance="production metadata", replicates=200, seed=1),
    )

    assert report.exploration.holds is True
    assert report.exploration.smallest == pytest.approx(0.2)
    gaps = {name: report.select("image_gap", group=f"cohort = {name}")[0].value for name in ("x", "y")}
    assert gaps["x"] == pytest.approx(gaps["y"], abs=0.08)
