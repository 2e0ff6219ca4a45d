"""The page on the recommender alone runs from top to bottom, without the rest of Probity, and its table is complete."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from recommender.explanation import Reason
from recommender.models import MODELS
from recommender.rows import PLAN

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "recommender.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| `")]
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ALONE = """
import sys
assert not {name.partition(".")[0] for name in sys.modules} & {"governance", "audits", "pseudonymisation", "sqlalchemy"}
"""


@pytest.mark.large
def test_the_page_runs_from_a_table_to_explained_lists_and_back_from_disk(tmp_path: Path) -> None:
    program = "\n".join([*EXAMPLES, ALONE])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr[-2000:]
    printed = done.stdout.splitlines()
    assert printed.pop(2).startswith("5.0 1e-06 subject: everything one person did")
    assert printed == [
        "10000 ['subject', 'item', 'rank', 'score']",
        "It follows from what you watched. 1.0",
        "7 kinds, with signals 10",
        "refused: model",
        "[1, 1, 1, 1, 1]",
        "True ['subject', 'title', 'image', 'propensity']",
        "5 title-40 6 5 NOT_PROFILED",
        str([row.name for row in PLAN]),
        "True",
        "True ExactSums(…)",
        "(2000, 40) 0.0",
        "True",
        "title-1 True subject: at most 1 of 8 batches, one explored slot in each",
        "0.667",  # of the slots that the other policy would fill alike, rewards are ⅓ and 1
        "True",
        "['title-40']",
        "5.0 1e-06 True 0.95",
        "['served lists', 'ranks of all titles']",
    ]


def test_from_a_table_to_lists_is_ten_lines() -> None:
    table, lists = EXAMPLES[:2]

    assert "watched = pa.table(" in table
    assert len([line for line in lists.splitlines() if line]) == 10
    assert lists.splitlines()[-1].startswith("lists = ")


def test_every_reason_is_explained() -> None:
    assert {name for row in ROWS for name in re.findall(r"`([A-Z_]+)`", row)} == {reason.name for reason in Reason}


def test_every_kind_stands_there_with_the_signals_that_it_needs() -> None:
    cells = [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in ROWS]
    told = {cell[0]: (cell[2],) if cell[2] else () for cell in cells if len(cell) == len(("kind", "by", "needs"))}

    assert told == {kind.slug: kind.needs for kind in MODELS}


def test_every_benchmark_that_the_page_names_exists() -> None:
    named = re.findall(r"\| `(?:python -m )?benchmarks[./](\w+)", PAGE)

    assert len(named) == 7
    assert all((ROOT / "benchmarks" / f"{name}.py").is_file() for name in named)
