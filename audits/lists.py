"""Means over lists of a figure that each list has by itself: every subject counts the same."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audits.statistics import Cell, Floats, Smooth

Ints = NDArray[np.int64]


def list_means(cells: Sequence[Cell], values: Floats, counted: Floats, owner: Ints) -> Smooth:
    """Mean of each column of ``values`` (n, cells) over the subjects that count for it.

    ``counted`` (n, kinds) is 1.0 or 0.0; cell j counts those of column ``owner[j]``, which never falls with j.
    """
    width = values.shape[1]
    channels = np.empty((values.shape[0], width + counted.shape[1]))
    channels[:, width:] = counted
    for kind in range(counted.shape[1]):
        some = np.flatnonzero(owner == kind)
        # Cells of one kind lie beside each other, so no copy is made of them.
        here = slice(some[0], some[-1] + 1) if some.size else slice(0)
        np.multiply(values[:, here], counted[:, kind, None], out=channels[:, here])

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        mean: NDArray[np.inexact] = means[..., :width] / means[..., width:][..., owner]
        return mean

    return Smooth(cells=tuple(cells), channels=channels, value_of=value_of)
