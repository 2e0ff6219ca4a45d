"""The limits on exposure that rules amount to."""

import numpy as np

from audits.categories import Categories
from governance.policy.exposure_limits import exposure_limits
from tests.outputs.examples import source


def test_titles_without_a_label_are_given_no_limits() -> None:
    whole = Categories(
        names=(("genre", "drama"), ("genre", "unknown")), groups=np.eye(2), catalogue_shares=np.array([0.75, 0.25])
    )

    # The policy asks for four tenths of a category's part of the catalogue: 0.4 x 0.75 = 0.3.
    limits = exposure_limits(whole, source().policy)
    assert {name: (round(low, 9), high) for name, (low, high) in limits.items()} == {
        ("genre", "drama"): (0.3, 1.0),
        ("genre", "unknown"): (0.0, 1.0),
    }
