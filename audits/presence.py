"""How many titles an audience happened to show that another of its size would not: from how many subjects show each.

Resampling cannot tell. Where every title is shown by two subjects or more, no subject's list alone carries one, leaving
anybody out changes nothing, and the standard error is 0; where one subject alone shows one title, it rests on one
subject. What decides is how rare the rarest titles are. Title j, in the list of a subject with probability p_j, is
missed by n subjects with probability (1 - p_j)^n, so that coverage by n of them is (1/m) sum_j 1 - (1 - p_j)^n on
average, and lies below what was seen by at most

    (1/m) sum over the titles that were shown of (1 - p_j)^n.

The number of subjects that show a title is binomial, whatever else is in their lists. With l_j the exact lower bound on
p_j (Clopper & Pearson 1934) at error a / m, all m bounds hold together with probability 1 - a (Bonferroni), and then so
does the sum with l_j in p_j's place. It falls with n: 40 of 400 subjects leave a title a chance of 1e-7 to be missed.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def perhaps_missed(shown_by: Ints, subjects: int, *, error: float) -> float:
    """By how much coverage can at most exceed its average over audiences of this size, with this error; 0 to 1.

    ``shown_by`` (m,) counts the subjects whose list holds each title of the catalogue, 0 where nobody's does.

    Guarantees:
      - subjects drawn independently give a bound that fails with probability ``error`` at most
      - a title that more subjects show adds less
    """
    from scipy.special import betaincinv  # takes a while, which who only reads a report need not wait for

    counts, titles = np.unique(shown_by[shown_by > 0], return_counts=True)
    least = betaincinv(counts, subjects - counts + 1, error / shown_by.size)
    missed = np.exp(subjects * np.log1p(-least))
    return float(titles @ missed) / shown_by.size
