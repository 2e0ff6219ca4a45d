"""Further signals, by the definition of their privacy: one more subject in, the distance of the integer sums out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from recommender.accounting import delta_at, epsilon_at
from recommender.context import slots_of
from recommender.errors import BadMechanism
from recommender.exact_sums import Basis, ExactSums, Rule, added_up
from recommender.features import CatalogueFeatures
from recommender.interactions import Interactions, ones
from recommender.measurement import measure
from recommender.mechanism import Mechanism, Performance, plan, verify_fine_enough
from recommender.noise import OpenDPNoise
from recommender.release import load_release
from recommender.signals import SIGNALS, get_signal
from recommender.signals.kind import Observed, SignalKind

ITEMS = tuple("abcdefgh")
KEPT = tuple("abcdef")
DAY = 86_400
AS_OF = 1_000 * DAY
FEATURES = CatalogueFeatures(ITEMS, ("g:x", "g:y", "g:z"), np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]])
SHARES = tuple((kind.slug, 0.1) for kind in SIGNALS)
RULE = Rule(
    max_items_per_subject=5, gram_bits=16, weighted=True, signals=tuple(s for s, _ in SHARES), as_of=AS_OF,
    features=FEATURES,
)  # fmt: skip
BASIS = Basis(items=KEPT, history_weights=np.array([1.0, 0.9, 0.5, 0.7, 2.0, 0.3]), exact=True)
PERFORMANCE = Performance(threads=1)

event = st.tuples(st.integers(AS_OF - 20 * DAY, AS_OF + DAY), st.floats(2**-16, 1.0))
history = st.dictionaries(st.integers(0, len(ITEMS) - 1), event, max_size=len(ITEMS))


def people(held: list[dict[int, tuple[int, float]]], first: int = 0) -> Interactions:
    cells = [(row, column, *held[row][column]) for row in range(len(held)) for column in sorted(held[row])]
    rows, columns, times, importance = (np.array(part) for part in zip(*cells, strict=True)) if cells else ([],) * 4
    return Interactions(
        tuple(f"s{first + n}" for n in range(len(held))),
        ITEMS,
        ones(np.asarray(rows, np.int64), np.asarray(columns, np.int64), (len(held), len(ITEMS))),
        np.asarray(times, np.int64),
        np.asarray(importance, np.float64),
    )


def sums_of(held: list[dict[int, tuple[int, float]]]) -> ExactSums:
    return added_up(people(held), BASIS, RULE)


def squared_distance(kind: SignalKind, difference: np.ndarray) -> int:
    """Of outer sums twice the square over the upper triangle with its diagonal divided by √2, which is an integer."""
    if not kind.outer:
        return sum(int(v) ** 2 for v in difference.ravel())
    upper = difference[np.triu_indices(len(difference), 1)]
    return 2 * sum(int(v) ** 2 for v in upper) + sum(int(v) ** 2 for v in np.diag(difference))


@settings(deadline=None, max_examples=60)
@given(st.lists(history, min_size=1, max_size=6), history)
def test_one_more_subject_moves_every_signal_by_no_more_than_its_bound(
    held: list[dict[int, tuple[int, float]]], one_more: dict[int, tuple[int, float]]
) -> None:
    before, after = sums_of(held), sums_of([*held, one_more])

    for kind in SIGNALS:
        moved = squared_distance(kind, after.signals[kind.slug] - before.signals[kind.slug])
        assert moved <= (16**16 if kind.outer else 4**32)  # of outer sums twice (4^16/√2)²


def test_the_bounds_are_nearly_reached_so_no_noise_is_wasted() -> None:
    alone = sums_of([{0: (AS_OF - 5, 1.0), 1: (AS_OF - 4, 0.5), 2: (AS_OF - 3, 1.0)}])

    for kind in SIGNALS:
        moved = squared_distance(kind, alone.signals[kind.slug])
        assert moved > 0.999 * (16**16 if kind.outer else 4**32)


def test_the_stated_sensitivities_are_those_bounds() -> None:
    for kind in SIGNALS:
        bound = 16**16 / 2 if kind.outer else 4**32
        assert kind.sensitivity(16) ** 2 == pytest.approx(bound, rel=1e-12)


def _twice(observed: Observed) -> csr_matrix:
    rows = get_signal("trending").rows(observed)
    return csr_matrix((rows.data * 2, rows.indices, rows.indptr), shape=rows.shape)


def _negative(observed: Observed) -> csr_matrix:
    rows = get_signal("trending").rows(observed)
    return csr_matrix((-rows.data, rows.indices, rows.indptr), shape=rows.shape)


def _by_one(observed: Observed) -> csr_matrix:
    rows = get_signal("trending").rows(observed)
    return csr_matrix((np.full(rows.nnz, 2**32 + 1), rows.indices, rows.indptr), shape=rows.shape)


@pytest.mark.parametrize("sabotaged", [_twice, _negative, _by_one])
def test_a_contribution_that_is_too_large_is_never_added_up(sabotaged: object, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(get_signal("trending"), rows=sabotaged)  # type: ignore[arg-type]
    monkeypatch.setattr(
        "recommender.exact_sums.get_signal", lambda slug: wrong if slug == "trending" else get_signal(slug)
    )

    with pytest.raises(BadMechanism, match="1 histories exceed norm 1"):
        sums_of([{0: (AS_OF, 1.0)}, {}])


def test_trending_counts_the_window_only_and_each_subject_once() -> None:
    found = sums_of([
        {0: (AS_OF, 1.0), 1: (AS_OF - 7 * DAY + 1, 1.0), 2: (AS_OF - 7 * DAY, 1.0), 3: (AS_OF + 1, 1.0)},
        {1: (AS_OF - DAY, 1.0), 7: (AS_OF, 1.0)},
    ]).signals["trending"]  # fmt: skip

    # Item 7 is not kept: the second subject's window holds one kept title.
    assert (found / 2**32).tolist() == pytest.approx([0.5**0.5, 0.5**0.5 + 1, 0, 0, 0, 0], abs=1e-9)


@pytest.mark.parametrize(
    ("moment", "slot"),
    [
        (np.datetime64("2026-11-26T05:59:59"), 0),  # Thursday night
        (np.datetime64("2026-11-26T06:00:00"), 2),
        (np.datetime64("2026-11-27T17:59:59"), 4),  # Friday afternoon
        (np.datetime64("2026-11-28T00:00:00"), 1),  # Saturday night
        (np.datetime64("2026-11-29T23:59:59"), 7),  # Sunday evening
        (np.datetime64("2026-11-30T00:00:00"), 0),
    ],
)
def test_a_moment_falls_into_its_slot(moment: np.datetime64, slot: int) -> None:
    assert slots_of(np.array([moment.astype("datetime64[s]").astype(np.int64)])).tolist() == [slot]


def test_slots_are_those_of_the_subjects_own_clock() -> None:
    given = people([{0: (4 * DAY, 1.0)}])  # 1970-01-05, a Monday, 0 o'clock UTC
    west = replace(given, utc_offsets=np.array([-3600]))  # still Sunday, 23 o'clock

    utc, local = (added_up(each, BASIS, RULE).signals["time_slots"] for each in (given, west))

    assert np.argwhere(utc).tolist() == [[0, 0]]
    assert np.argwhere(local).tolist() == [[0, 7]]


def test_transitions_follow_the_clock_and_skip_what_has_no_order() -> None:
    found = sums_of([{2: (10, 1.0), 0: (20, 1.0), 1: (20, 1.0), 3: (30, 1.0)}]).signals["transitions"]

    # c, then a and b in the same second, then d: of the chain c a b d the step a → b has no order.
    expected = np.zeros((6, 6))
    expected[2, 0] = expected[1, 3] = 0.5**0.5
    assert found / 2**32 == pytest.approx(expected, abs=1e-9)


def test_categories_sum_the_outer_products_of_normalised_profiles() -> None:
    found = sums_of([{0: (1, 1.0), 3: (1, 1.0), 7: (1, 1.0)}]).signals["categories"]

    # Twice x, once y (item 7 is not kept and counts all the same): the profile is (2, 1, 0)/√5.
    assert found / 4**16 == pytest.approx(np.array([[0.8, 0.4, 0], [0.4, 0.2, 0], [0, 0, 0]]), abs=1e-4)


@settings(deadline=None)
@given(st.floats(0.05, 50), st.floats(1e-10, 1e-2), st.lists(st.floats(0.01, 0.2), min_size=4, max_size=4))
def test_all_signals_together_cost_what_was_planned(epsilon: float, delta: float, shares: list[float]) -> None:
    slugs = [kind.slug for kind in SIGNALS]
    mechanism = plan(epsilon, delta, counts_share=0.1, shares=tuple(zip(slugs, shares, strict=True)))

    assert delta_at(mechanism.mu, epsilon) <= delta
    assert epsilon_at(mechanism.mu, delta) == pytest.approx(epsilon, rel=1e-3)
    for slug, share in mechanism.shares:
        mu = get_signal(slug).sensitivity(16) / mechanism.signal_scales[slug]
        assert mu**2 / mechanism.mu**2 == pytest.approx(share, rel=1e-5)


def test_the_guarantee_names_every_signal() -> None:
    said = plan(1.0, 1e-6, shares=SHARES).guarantee.mechanism

    assert said.endswith("and on the signals trending, time_slots, transitions, categories")


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ((("trending", 0.1), ("trending", 0.1)), "each signal in shares once"),
        ((("trending", 0.0),), "shares above 0"),
        ((("trending", 0.85),), "leave something to the Gram matrix"),
        ((("moods", 0.1),), "no signal is called 'moods'; there are trending, time_slots"),
    ],
)
def test_refuses_shares_that_cannot_be_kept(shares: tuple[tuple[str, float], ...], said: str) -> None:
    with pytest.raises(BadMechanism, match=said):
        plan(1.0, 1e-6, shares=shares)


def test_a_grid_is_checked_against_the_finest_noise_of_all() -> None:
    # In both the Gram matrix has a hundredth of the budget, and so coarse enough noise.
    verify_fine_enough(plan(50.0, 1e-6, gram_bits=12, counts_share=0.99), coordinates=5 * 10**7)

    with pytest.raises(BadMechanism, match="too coarse"):
        verify_fine_enough(
            plan(50.0, 1e-6, gram_bits=12, counts_share=0.01, shares=(("categories", 0.98),)), coordinates=5 * 10**7
        )


def test_a_mechanism_without_shares_is_written_as_it_always_was() -> None:
    fields = plan(1.0, 1e-6).as_dict()

    assert not {"shares", "trending_days"} & set(fields)
    assert Mechanism(**plan(1.0, 1e-6, shares=SHARES).as_dict()) == plan(1.0, 1e-6, shares=SHARES)


def test_a_release_holds_every_signal_and_comes_back_from_its_folder(tmp_path: Path) -> None:
    given = people([{n % 8: (AS_OF - n, 1.0), (n + 3) % 8: (AS_OF - DAY - n, 0.5)} for n in range(40)])
    mechanism = plan(2.0, 1e-6, shares=SHARES, kept_at_least=6)

    release = measure(given, mechanism, noise=OpenDPNoise(), as_of=AS_OF, features=FEATURES, performance=PERFORMANCE)
    back = load_release(tmp_path / "release", release.save(tmp_path / "release"))

    kept = len(release.items)
    assert {slug: signal.values.shape for slug, signal in back.signals.items()} == {
        "trending": (kept,),
        "time_slots": (kept, 8),
        "transitions": (kept, kept),
        "categories": (3, 3),
    }
    assert (back.digest, back.mechanism) == (release.digest, mechanism)
    assert back.signals["trending"].noise == pytest.approx(1 / (mechanism.mu * 0.1**0.5), rel=1e-5)
    symmetric = back.signals["categories"].values
    assert (symmetric == symmetric.T).all()


@pytest.mark.parametrize(
    ("slug", "lacking", "said"),
    [
        ("trending", {"as_of": None}, "the moment that the measurement is as of"),
        ("transitions", {"times": None}, "the times of interactions"),
        ("categories", {"features": None}, "public features of the titles"),
    ],
)
def test_a_signal_that_lacks_what_it_needs_is_refused(slug: str, lacking: dict[str, None], said: str) -> None:
    given = people([{0: (AS_OF, 1.0)}])
    given = replace(given, times=None) if "times" in lacking else given
    known: dict[str, object] = {"as_of": AS_OF, "features": FEATURES} | lacking
    known.pop("times", None)

    with pytest.raises(BadMechanism, match=said):
        measure(given, plan(1.0, 1e-6, shares=((slug, 0.1),)), noise=OpenDPNoise(), **known)  # type: ignore[arg-type]
