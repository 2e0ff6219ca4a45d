"""The page about what audits measure of catalogue and lists: its metrics exist, its examples run."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from audits.metrics import METRICS

PAGE = (Path(__file__).parents[2] / "docs" / "catalogue-metrics.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def printed(example: str) -> list[str]:
    told, names = io.StringIO(), dict[str, Any]()
    with contextlib.redirect_stdout(told):
        exec(compile(example, "docs/catalogue-metrics.md", "exec"), names)  # noqa: S102 - our own page
    return told.getvalue().splitlines()


def test_every_metric_that_the_page_names_is_one() -> None:
    table = "\n".join(line for line in PAGE.splitlines() if line.startswith("|"))
    named = set(re.findall(r"`(\w+)`", table))

    assert len(named) > 15
    assert named <= {metric.slug for metric in METRICS}


def test_the_example_of_drift_finds_two_subjects_who_grew_apart() -> None:
    fragmentation, churn = printed(EXAMPLES[0])

    assert fragmentation.split()[0] == "fragmentation"
    assert float(fragmentation.split()[1]) == pytest.approx(1.0)
    assert churn == "churn 0.5"


def test_the_example_of_a_loop_tells_how_concentration_went() -> None:
    popular, neighbours = (line.split() for line in printed(EXAMPLES[1]))

    assert (popular[0], neighbours[0]) == ("popular", "neighbours")
    assert float(popular[1]) == float(popular[3]) == 0.8
    assert float(neighbours[3]) > float(neighbours[1])
