"""The page on the recommender alone runs from top to bottom, without the rest of Probity, and its table is complete."""

import re
import subprocess
import sys
from pathlib import Path

from recommender.explanation import Reason

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "recommender.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ALONE = """
import sys
assert not {name.partition(".")[0] for name in sys.modules} & {"governance", "audits", "pseudonymisation", "sqlalchemy"}
"""


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
        "refused: model",
        "[1, 1, 1, 1, 1]",
        "True ['subject', 'title', 'image', 'propensity']",
    ]


def test_the_first_example_is_ten_lines_from_the_table_on() -> None:
    body = EXAMPLES[0][EXAMPLES[0].index("histories =") :]

    assert len([line for line in body.splitlines() if line]) == 10


def test_every_reason_is_explained() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]

    assert {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)} == {reason.name for reason in Reason}
