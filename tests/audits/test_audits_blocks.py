"""Random blocks of subjects stand for subjects, and blocks that are not random are caught."""

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from scipy import sparse

from audits.blocks import Blocks, blocks_of, cut
from audits.bootstrap import Resampling, intervals
from audits.channels import crossed, divisions
from audits.columns import Columns
from audits.configuration import AuditConfig
from audits.groupings import Grouping
from audits.quality import Quality, gap_by_group
from audits.run import run
from audits.statistics import Cell, Smooth, Stepped, ratios
from audits.tables import AuditInput, Membership, Recommendations
from audits.weights import POISSON

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Divided:
    """Evidence of which only the groups matter."""

    def __init__(self, codes: Ints) -> None:
        names = tuple(f"g{at}" for at in range(int(codes.max()) + 1))
        self.groupings = (Grouping(attribute="", groups=names, codes=codes, merged=0),)
        self.subjects = codes.size


def gaps(values: Floats, codes: Ints) -> Smooth:
    quality = Quality(values=values, counted=np.ones(values.size, dtype=bool))
    return gap_by_group(quality, Divided(codes))  # type: ignore[arg-type]


def resampled_spread(values: Floats, blocks: Blocks) -> float:
    """Standard deviation of the mean over resamples of these blocks, in textbook standard errors."""
    columns = Columns(values.size, blocks=blocks)
    held = columns.hold(values[:, None])
    totals, weight = columns.totals(POISSON, 5, 2000)
    means = held.base + held.step * totals[:, held.positions] / weight[:, None]
    return float(means.std() / (values.std() / np.sqrt(values.size)))


def test_blocks_have_the_sums_of_their_subjects_in_whatever_form_numbers_come() -> None:
    rng = np.random.default_rng(1)
    codes, values = rng.integers(-1, 3, size=50), rng.integers(-3, 4, size=(50, 2)).astype(np.float64)
    numbers = crossed(values, divisions([np.zeros(50, dtype=np.int64), codes], [1, 3], 50))
    table, blocks = numbers.dense(), cut(rng.permutation(50), 7)
    sums = [table[blocks.of == block].sum(axis=0).tolist() for block in range(7)]

    assert blocks.sums(numbers).tolist() == sums
    assert blocks.sums(table).tolist() == sums
    assert blocks.sums(sparse.csc_array(table)).tolist() == sums


def test_every_subject_is_in_one_block_and_blocks_differ_by_one_subject_at_most() -> None:
    blocks = blocks_of(1003, 100, seed=1)

    assert blocks is not None
    assert np.bincount(blocks.of).tolist() == blocks.sizes.tolist()
    assert sorted(set(blocks.sizes.tolist())) == [10.0, 11.0]


def test_the_lot_is_the_seeds_alone() -> None:
    first, again, other = (blocks_of(1000, 100, seed=seed) for seed in (1, 1, 2))

    assert first is not None
    assert again is not None
    assert other is not None
    assert (first.of == again.of).all()
    assert (first.of != other.of).any()


def test_with_fewer_than_four_subjects_a_block_each_is_resampled_by_itself() -> None:
    assert blocks_of(399, 100, seed=1) is None
    assert blocks_of(400, 100, seed=1) is not None


def test_random_blocks_spread_a_mean_as_subjects_do_and_others_do_not() -> None:
    rng = np.random.default_rng(3)
    codes = np.repeat([0, 1], 10_000)
    values = rng.normal(size=20_000) + codes
    by_lot = rng.permutation(20_000)

    # A standard deviation of 2,000 resamples of 2,000 blocks is known to 2 %.
    assert resampled_spread(values, cut(by_lot, 2000)) == pytest.approx(1.0, abs=0.06)
    # Blocks of equals; blocks inside one group, which count the distance of the groups ten times.
    assert resampled_spread(values, cut(np.argsort(values), 2000)) > 3.0
    assert resampled_spread(values, cut(by_lot[np.argsort(codes[by_lot], kind="stable")], 2000)) > 1.5


def test_blocks_give_the_intervals_that_subjects_give_small_groups_too() -> None:
    rng = np.random.default_rng(4)
    codes = rng.permutation(np.repeat(np.arange(8), [7600, 4000, 2000, 1000, 800, 400, 140, 60]))
    values = (rng.random(16_000) < 0.1 + 0.02 * codes).astype(np.float64)
    by_subject = intervals([gaps(values, codes)], Resampling(replicates=4000, seed=1))
    by_block = intervals([gaps(values, codes)], Resampling(replicates=4000, seed=1, blocks=2000))

    assert (by_subject.units, by_block.units) == ("subjects", "2,000 random blocks of subjects")
    assert by_block.standard_errors.tolist() == by_subject.standard_errors.tolist()
    assert by_block.critical_value == pytest.approx(by_subject.critical_value, rel=0.04)
    assert by_block.pointwise_half_widths == pytest.approx(by_subject.pointwise_half_widths, rel=0.06)


def test_equal_groups_resampled_in_blocks_are_called_different_at_the_nominal_rate() -> None:
    rng = np.random.default_rng(11)
    codes = np.repeat(np.arange(8), 250)
    trials, rejected = 200, 0
    for trial in range(trials):
        values = (rng.random(2000) < 0.3).astype(np.float64)
        found = intervals([gaps(values, codes)], Resampling(replicates=200, seed=trial, blocks=500))
        rejected += bool((np.abs(found.values) > found.half_widths).any())

    # Nominal 5 %, Monte-Carlo standard error 1.5 points.
    assert 0.01 <= rejected / trials <= 0.10


def test_a_number_that_is_not_finite_disturbs_no_other_column_of_blocks() -> None:
    values, resampling = np.random.default_rng(5).normal(size=(400, 2)), Resampling(replicates=150, seed=2, blocks=100)
    plain = ratios([Cell(n=400, span=1.0)], values[:, 1:], np.ones((400, 1)))
    alone = intervals([plain], resampling)
    values[3, 0] = np.nan
    stepped = Stepped(cells=(Cell(n=400, span=1.0),), figures=np.array([np.nan]), leave_one_out=values[:, :1])
    beside = intervals([stepped, plain], resampling)

    assert beside.defined.tolist() == [False, True]
    assert beside.half_widths[1] == alone.half_widths[0]


def test_a_report_says_what_was_resampled_and_knows_no_order_of_rows() -> None:
    subjects = 4 * 32_768
    rng = np.random.default_rng(6)
    rows = pa.table(
        {
            "subject": [f"s{at:06d}" for at in range(subjects)],
            "item": rng.choice(["a", "b"], size=subjects).tolist(),
            "rank": np.ones(subjects, dtype=np.int64),
        }
    )
    labels = pa.table({"item": ["a", "b"], "attribute": ["genre"] * 2, "category": ["drama", "comedy"]})
    first, again = (
        run(
            AuditInput(
                recommendations=Recommendations(rows.take(pa.array(order))),
                membership=Membership(labels),
                items=["a", "b"],
            ),
            config=AuditConfig(
                seed=1, model_digest="m", metrics=("exposure_share",), replicates=100, sensitivity=False
            ),
        )
        for order in (np.arange(subjects), rng.permutation(subjects))
    )

    assert first.resampling == "32,768 random blocks of subjects, Poisson weights"
    assert first.to_json() == again.to_json()
