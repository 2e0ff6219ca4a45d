"""The page on the subjects' side runs, and names metrics that exist."""

import contextlib
import io
import re
from pathlib import Path

from audits.metrics import METRICS

PAGE = (Path(__file__).parents[2] / "docs" / "subject-metrics.md").read_text(encoding="utf-8")


def printed(example: str) -> list[str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(example, "docs/subject-metrics.md", "exec"), {})  # noqa: S102 - our own page
    return out.getvalue().splitlines()


def test_every_example_prints_what_the_page_says() -> None:
    groups, artwork, experiment = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

    assert printed(groups) == ["age = worst 0.5", "region = worst 0.5", "age × region = worst 0.0"]
    assert printed(artwork) == [
        "cohort = x man 0.5",
        "cohort = x woman -0.5",
        "cohort = y man 0.0",
        "cohort = y woman 0.0",
    ]
    mismatch, guardrail, monitored = printed(experiment)
    assert mismatch == "False"
    assert guardrail.startswith("finished pass ")
    assert monitored.startswith("pass ")


def test_every_metric_of_the_first_table_exists() -> None:
    table = PAGE[: PAGE.index("* **The worst group")]
    named = {name for row in re.findall(r"^\| .*\?.*$", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}

    assert len(named) > 15
    assert named <= {metric.slug for metric in METRICS}
