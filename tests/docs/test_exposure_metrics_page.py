"""The page about exposure: its metrics exist, its attention models parse, its example runs."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from audits.attention import ATTENTION_MODELS, Attention
from audits.metrics import METRICS

PAGE = (Path(__file__).parents[2] / "docs" / "exposure-metrics.md").read_text(encoding="utf-8")
METRIC_TABLE, ATTENTION_TABLE = re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)


def test_every_metric_that_the_page_names_is_one() -> None:
    named = set(re.findall(r"`(\w+)`", METRIC_TABLE))

    assert len(named) == 32
    assert named <= {metric.slug for metric in METRICS}


def test_every_attention_model_stands_there_in_a_form_that_parses() -> None:
    texts = re.findall(r"^\| `([^`]+)`", ATTENTION_TABLE, re.MULTILINE)

    assert [Attention.parse(text).model for text in texts] == [model.slug for model in ATTENTION_MODELS]


def test_the_example_prints_the_ratio_under_two_models() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(compile(example, "docs/exposure-metrics.md", "exec"), dict[str, Any]())  # noqa: S102 - our own page
    first, second = (line.split() for line in told.getvalue().splitlines())

    # Of 40 lists 30 begin with drama: (30 * 0.5 + 10) / (30 + 10 * 0.5) and with 0.25 in place of 0.5.
    assert (first[0], float(first[1])) == ("rbp(0.5)", pytest.approx(25 / 35, abs=1e-3))
    assert (second[0], float(second[1])) == ("empirical(1,0.25)", pytest.approx(17.5 / 32.5, abs=1e-3))
    assert all(float(low) < float(value) < float(high) for _, value, low, high in (first, second))
