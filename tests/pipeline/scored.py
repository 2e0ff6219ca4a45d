"""Scores, items and a policy in files, small enough that every method takes no time."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

POLICY = """\
list_length: 5
attention: logarithmic
replicates: 300
confidence: 0.95
seed: 7
max_unknown_share: 0.1
rules:
  - id: every-category-visible
    metric: exposure_ratio
    attribute: category
    comparison: at_least
    limit: 0.6
    aim: 0.9
    level: error
    rationale: No category gets less than six tenths of the attention that its part of the catalogue would give it.
    approved_by: review board
"""


def write(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_files(folder: Path) -> Path:
    """90 subjects, 30 items in two categories of which the smaller one is hardly ever among the best."""
    rng = np.random.default_rng(3)
    category = ["film"] * 24 + ["documentary"] * 6
    score = rng.uniform(size=(90, 30)) + np.array([0.8] * 24 + [0.5] * 6)
    rows = [{"subject": s, "item": i, "score": round(score[s, i], 6)} for s in range(90) for i in range(30)]
    write(folder / "scores.csv", rows)
    write(folder / "items.csv", [{"item": i, "category": category[i]} for i in range(30)])
    write(folder / "groups.csv", [{"subject": s, "group": "old" if s % 2 else "young"} for s in range(90)])
    write(folder / "history.csv", [{"subject": s, "item": i} for s in range(90) for i in range(s % 3 + 1)])
    write(folder / "relevance.csv", [{"subject": s, "item": int(score[s, 5:].argmax()) + 5} for s in range(90)])
    (folder / "policy.yaml").write_text(POLICY)
    return folder


def arguments(files: Path, **changes: Any) -> list[str]:  # noqa: ANN401 - paths and numbers
    """The command with its files below ``files``; keywords are options that take a path."""
    given = {"scores": "scores.csv", "items": "items.csv", "policy": "policy.yaml", "out": "prices.json"} | changes
    return ["mitigate", *(word for name, path in given.items() for word in (f"--{name}", str(files / str(path))))]
