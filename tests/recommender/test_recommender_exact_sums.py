"""Sums that forget: what a subject added is taken out again, bit for bit."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.errors import BadInteractions, BadMechanism, CorruptArtefact
from recommender.exact_sums import Basis, ExactSums, basis_of
from recommender.features import CatalogueFeatures
from recommender.interactions import Interactions, ones
from recommender.measurement import exact_sums, measure, measured_sums, release_from
from recommender.mechanism import Mechanism, Performance, plan
from recommender.noise import NoiseSource, OpenDPNoise
from recommender.signals import SIGNALS
from recommender.sums_encoding import from_bytes, to_bytes

ITEMS = tuple("abcdefgh")
FEATURES = CatalogueFeatures(ITEMS, ("g:x", "g:y"), np.eye(2)[[0, 1] * 4])
BASIS = Basis(items=tuple("bcdfg"), history_weights=np.array([1.0, 0.25, 0.6, 0.9, 0.7]), exact=True)
AS_OF = 900_000
PERFORMANCE = Performance(threads=1)
SIGNALLED = plan(1.0, 1e-6, max_items_per_subject=4, shares=tuple((kind.slug, 0.1) for kind in SIGNALS))
COARSE = plan(50.0, 1e-6, gram_bits=12, kept_at_most=10)
MESSAGES = (
    "expected exact sums in their one encoding, got other bytes",
    "these exact sums are in a format of another version: add them up anew",
)

histories = st.lists(
    st.dictionaries(st.integers(0, 7), st.tuples(st.integers(0, AS_OF), st.floats(2**-16, 1.0)), max_size=8),
    min_size=2,
    max_size=7,
)


def people(held: list[dict[int, tuple[int, float]]]) -> Interactions:
    cells = [(row, column, *held[row][column]) for row in range(len(held)) for column in sorted(held[row])]
    rows, columns, times, importance = zip(*cells, strict=True) if cells else ((),) * 4
    matrix = ones(np.array(rows, np.int64), np.array(columns, np.int64), (len(held), len(ITEMS)))
    names = tuple(f"subject-{n}" for n in range(len(held)))
    return Interactions(names, ITEMS, matrix, np.array(times, np.int64), np.array(importance, np.float64))


def sums(given: Interactions, mechanism: Mechanism = SIGNALLED) -> ExactSums:
    return exact_sums(given, mechanism, basis=BASIS, as_of=AS_OF, features=FEATURES, performance=PERFORMANCE)


@settings(deadline=None, max_examples=40)
@given(histories, st.data())
def test_what_is_left_is_bit_for_bit_a_run_without_those_subjects(
    held: list[dict[int, tuple[int, float]]], data: st.DataObject
) -> None:
    everybody = people(held)
    gone = np.array(data.draw(st.lists(st.booleans(), min_size=len(held), max_size=len(held))))

    left = sums(everybody).without(everybody.rows(gone))

    assert to_bytes(left) == to_bytes(sums(everybody.rows(~gone)))


def test_subtracting_somebody_who_was_never_in_it_is_refused(population: Interactions, mechanism: Mechanism) -> None:
    basis = basis_of(measure(population, mechanism, noise=OpenDPNoise()))
    half = exact_sums(population.rows(np.arange(0, 6)), mechanism, basis=basis)

    with pytest.raises(BadInteractions, match="would fall below 0"):
        half.without(population)


@pytest.mark.parametrize("beside", ["importance", "times", "utc_offsets"])
def test_only_what_says_as_much_as_the_measurement_did_is_taken_out(beside: str) -> None:
    given = replace(people([{0: (1, 0.5)}, {1: (1, 1.0)}]), utc_offsets=np.array([3600, 0], np.int64))
    counted = plan(1.0, 1e-6, max_items_per_subject=4)
    less = replace(given, **{beside: None})

    with pytest.raises(BadInteractions, match=f"are of interactions with {beside}, unlike those given"):
        sums(given).without(less)
    with pytest.raises(BadInteractions, match=f"are of interactions without {beside}, unlike those given"):
        sums(less, counted).without(given)
    assert (sums(less, counted).without(less).gram == 0).all()


def test_no_sum_is_of_more_titles_than_a_subject_may_have() -> None:
    long = people([dict.fromkeys(range(8), (1, 1.0))])
    cut = plan(1.0, 1e-6, max_items_per_subject=2)

    # Of the eight titles two are left, of ⌊2^32/√2⌋ each.
    assert sorted(sums(long, cut).counts.tolist()) == [0] * 6 + [3_037_000_499] * 2
    assert np.count_nonzero(np.diag(sums(long, cut).gram)) <= 2


@pytest.mark.parametrize("name", ["counts", "gram"])
def test_sums_are_integers_or_refused(name: str) -> None:
    whole = sums(people([{0: (1, 0.5)}, {1: (2, 1.0)}]))

    with pytest.raises(BadMechanism, match="exact sums are int64"):
        replace(whole, **{name: getattr(whole, name).astype(np.float64)})


def test_sums_show_no_number() -> None:
    found = sums(people([{0: (1, 0.5), 1: (1, 1.0)}, {1: (1, 1.0)}]))

    assert repr(found) == "ExactSums(…)"
    assert f"{found}" == "ExactSums(…)"


def test_a_release_from_kept_sums_is_the_one_that_measuring_gives(
    population: Interactions, mechanism: Mechanism, silence: NoiseSource
) -> None:
    measured = measure(population, mechanism, noise=silence, inputs_digest="d")
    kept, _ = measured_sums(population, mechanism, noise=silence)

    again = release_from(kept, mechanism, silence, inputs_digest="d")

    assert again.digest == measured.digest


def test_two_releases_from_the_same_sums_share_no_noise(population: Interactions, mechanism: Mechanism) -> None:
    kept, _ = measured_sums(population, mechanism, noise=OpenDPNoise())

    first, second = (release_from(kept, mechanism, OpenDPNoise(), inputs_digest="d") for _ in range(2))

    assert first.items == second.items == kept.basis.items
    assert (first.counts != second.counts).all()
    assert (np.triu(first.gram) != np.triu(second.gram))[np.triu_indices(len(first.items))].mean() > 0.999
    assert first.guarantee == second.guarantee


def test_a_release_from_kept_sums_says_that_the_cost_of_their_basis_comes_on_top(
    population: Interactions, mechanism: Mechanism
) -> None:
    kept, _ = measured_sums(population, mechanism, noise=OpenDPNoise())

    promise = release_from(kept, mechanism, OpenDPNoise(), inputs_digest="d").guarantee
    anew = measure(population, mechanism, noise=OpenDPNoise()).guarantee

    assert promise.mechanism == f"{anew.mechanism}; on the basis of an earlier release, whose cost comes on top"
    assert replace(promise, mechanism=anew.mechanism) == anew


def test_nothing_is_promised_on_a_basis_whose_noise_was_not_exact(
    population: Interactions, mechanism: Mechanism, silence: NoiseSource
) -> None:
    kept, _ = measured_sums(population, mechanism, noise=silence)
    named = exact_sums(population, mechanism, basis=basis_of(measure(population, mechanism, noise=silence)))

    for each in (kept, from_bytes(to_bytes(kept)), named):
        assert release_from(each, mechanism, OpenDPNoise(), inputs_digest="d").guarantee.epsilon == math.inf


def test_noise_must_be_fine_enough_for_the_width_that_sums_have_whatever_a_mechanism_would_keep() -> None:
    # At epsilon 50 and 12 bits the Gram noise is 2·10⁶ steps: enough for 6.4 million numbers, not for 3700²/2.
    width = 3700
    basis = Basis(items=tuple(map(str, range(width))), history_weights=np.ones(width), exact=True)
    wide = replace(
        sums(people([{0: (1, 1.0)}]), COARSE),
        catalogue=basis.items,
        basis=basis,
        counts=np.zeros(width, np.int64),
        gram=np.zeros((width, width), np.int64),
    )

    with pytest.raises(BadMechanism, match="too coarse for 6850550 numbers"):
        release_from(wide, COARSE, OpenDPNoise(), inputs_digest="d")


def test_sums_of_another_mechanism_make_no_release(population: Interactions, silence: NoiseSource) -> None:
    kept, _ = measured_sums(population, plan(1.0, 1e-6, max_items_per_subject=9), noise=silence)

    for setting in ({"max_items_per_subject": 8}, {"max_items_per_subject": 9, "gram_bits": 15}):
        with pytest.raises(BadMechanism, match="the sums were added up with"):
            release_from(kept, plan(1.0, 1e-6, **setting), silence, inputs_digest="d")
    wanted = plan(1.0, 1e-6, max_items_per_subject=9, shares=(("trending", 0.1),))
    with pytest.raises(BadMechanism, match="signals"):
        release_from(kept, wanted, silence, inputs_digest="d")


@settings(deadline=None, max_examples=40)
@given(histories)
def test_sums_come_back_from_their_bytes(held: list[dict[int, tuple[int, float]]]) -> None:
    for mechanism in (SIGNALLED, plan(1.0, 1e-6)):
        written = to_bytes(sums(people(held), mechanism))

        assert to_bytes(from_bytes(written)) == written


@settings(deadline=None)
@given(st.data())
def test_no_other_bytes_are_read(data: st.DataObject) -> None:
    written = bytearray(to_bytes(sums(people([{0: (1, 0.5), 1: (2, 1.0)}, {1: (1, 1.0)}]))))
    where = data.draw(st.integers(0, written.index(b"}") + 2))
    written[where] ^= data.draw(st.integers(1, 255))

    try:
        read = from_bytes(bytes(written))
    except CorruptArtefact as refused:
        assert str(refused) in MESSAGES  # noqa: PT017 - either way
    else:
        assert to_bytes(read) == bytes(written)


@pytest.mark.parametrize("cut", [slice(-1), slice(0), slice(9), slice(22), slice(30)])
def test_truncated_and_trailing_bytes_are_refused(cut: slice) -> None:
    written = to_bytes(sums(people([{0: (1, 0.5), 1: (2, 1.0)}])))

    for wrong in (written[cut], written + b"\x00"):
        with pytest.raises(CorruptArtefact):
            from_bytes(wrong)


def _with_head(written: bytes, head: bytes) -> bytes:
    length = int.from_bytes(written[22:30], "big")
    return written[:22] + len(head).to_bytes(8, "big") + head + written[30 + length :]


@pytest.mark.parametrize(
    "change",
    [
        {"gram_bits": 21},
        {"gram_bits": 16.0},
        {"gram_bits": True},
        {"max_items_per_subject": 0},
        {"trending_days": -1},
        {"weighted": 1},
        {"timed": None},
        {"as_of": 1.5},
        {"exact": 1},
        {"exact": "no"},
        {"catalogue": list("aacdefgh")},
        {"kept": list("bbdfg")},
        {"kept": list("bcdfz")},
    ],
)
def test_sums_that_no_measurement_could_have_made_are_refused(change: dict[str, object]) -> None:
    written = to_bytes(sums(people([{0: (1, 0.5)}, {1: (2, 1.0)}])))
    length = int.from_bytes(written[22:30], "big")
    header = json.loads(written[30 : 30 + length]) | change
    head = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    with pytest.raises(CorruptArtefact, match=MESSAGES[0]):
        from_bytes(_with_head(written, head))


def test_a_header_that_is_nested_too_deep_is_refused() -> None:
    written = to_bytes(sums(people([{0: (1, 0.5)}])))

    with pytest.raises(CorruptArtefact, match=MESSAGES[0]):
        from_bytes(_with_head(written, b"[" * 200_000))


@pytest.mark.parametrize("weight", [np.inf, np.nan, 0.0, -1.0])
def test_a_basis_needs_weights_that_are_positive_numbers(weight: float) -> None:
    with pytest.raises(BadMechanism, match="positive, finite"):
        Basis(items=("a",), history_weights=np.array([weight]), exact=True)


def test_a_format_of_old_is_named() -> None:
    written = to_bytes(sums(people([{0: (1, 0.5)}])))

    with pytest.raises(CorruptArtefact, match="in a format of another version"):
        from_bytes(written.replace(b"exact-sums/v4", b"exact-sums/v3"))


def test_a_header_in_another_spelling_is_refused() -> None:
    written = to_bytes(sums(people([{0: (1, 0.5)}])))
    tag, start = written[:22], 30
    length = int.from_bytes(written[22:30], "big")
    head = json.dumps(json.loads(written[start : start + length]), sort_keys=True, ensure_ascii=False).encode()

    with pytest.raises(CorruptArtefact):
        from_bytes(tag + len(head).to_bytes(8, "big") + head + written[start + length :])
