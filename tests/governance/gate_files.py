"""Sixty subjects' lists, a catalogue and a policy as files, and the gate's commands on them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from governance.cli.main import build

POLICY = """\
# Two promises.
list_length: 5
attention: logarithmic
replicates: 200
confidence: 0.95
seed: 1
max_unknown_share: 0.05
rules:
  - id: documentaries
    metric: exposure_share
    attribute: category
    category: documentary
    comparison: at_least
    limit: 0.2      # a fifth of the attention
    aim: 0.25
    level: error
    rationale: They are a third of the catalogue.
    approved_by: the board
  - id: concentration
    metric: exposure_gini
    comparison: at_most
    limit: 0.9
    level: warn
    rationale: Not everybody the same.
    approved_by: the board
"""

Gate = Callable[..., Result]


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 subjects with five titles each of 30, every third title a documentary; and what each of them chose."""
    folder, rng = tmp_path_factory.mktemp("lists"), np.random.default_rng(7)
    rows = [(s, item, r + 1) for s in range(60) for r, item in enumerate(rng.choice(30, 5, replace=False))]
    shown = [f"s{s},i{item},{rank}" for s, item, rank in rows]
    # In the lists before, every fourth subject saw the first two titles the other way round.
    before = [f"s{s},i{item},{3 - rank if rank < 3 and s % 4 == 0 else rank}" for s, item, rank in rows]
    kinds = [f"i{item},{'documentary' if item % 3 == 0 else 'drama'}" for item in range(30)]
    chosen = [f"s{s},i{item}" for s in range(60) for item in sorted({s % 30, (s * 7 + 1) % 30})]
    for name, heading, lines in (
        ("lists", "subject,item,rank", shown),
        ("before", "subject,item,rank", before),
        ("items", "item,category", kinds),
        ("relevance", "subject,item", chosen),
        ("groups", "subject,attribute,group", [f"s{s},age,{'old' if s % 2 else 'young'}" for s in range(60)]),
    ):
        (folder / f"{name}.csv").write_text("\n".join([heading, *lines]) + "\n")
    return folder


@pytest.fixture
def gate(lists: Path, tmp_path: Path) -> Gate:
    (tmp_path / "policy.yaml").write_text(POLICY)

    def run(command: str, *options: object, policy: str | None = "policy.yaml") -> Result:
        tables = (
            ["--recommendations", lists / "lists.csv", "--items", lists / "items.csv"] if command != "ratchet" else []
        )
        rules = [] if policy is None else ["--policy", tmp_path / policy]
        given = [str(each) for each in ("gate", command, *tables, *rules, *options)]
        return CliRunner().invoke(build(given), given)

    return run


def edited(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "policy.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
