"""Attention that was measured: how much subjects look at each rank."""

import numpy as np

from audits.sources.columns import Wanted
from audits.sources.errors import MalformedSource
from audits.sources.expressions import as_they_are
from audits.sources.formats import rows_of, source_at
from audits.sources.rows import Progress, numbers, untold, whole_numbers
from audits.sources.source import Place

ATTENTION = Wanted(what="attention", required=("rank", "weight"))


def read_attention(place: Place, *, progress: Progress = untold) -> tuple[float, ...]:
    """The weights of ranks 1, 2, 3 …: columns ``rank``, ``weight``.

    Raises:
        UnknownSource, MissingEngine: as ``read_recommendations``.
        MalformedSource: no rows, a rank left out or given twice, a weight below 0, or rank 1 without any.
    """
    rows = rows_of(source_at(place), ATTENTION, as_they_are, progress)
    rank = np.asarray(whole_numbers(rows, "rank", lowest=1))
    weight = np.asarray(numbers(rows, "weight"))
    if sorted(rank.tolist()) != list(range(1, rank.size + 1)) or not rank.size:
        msg = f"{rows.place}, column rank: expected the ranks 1, 2, 3 … each once, got {rank.size} others"
        raise MalformedSource(msg)
    rows.refuse(weight < 0, "weight", expected="a number from 0", got="a negative one")
    rows.refuse((rank == 1) & (weight <= 0), "weight", expected="a positive number for rank 1", got="0")
    return tuple(weight[np.argsort(rank)].tolist())
