import ast
from pathlib import Path

import pytest

import governance

PACKAGE = Path(governance.__file__).parent
EDGES = ("database.py", "cli/", "web/", "pipeline/")
PUBLISHERS = ("ledger/publish.py", "ledger/export.py", "ledger/sequencer.py")
"""No services: they give places to what is committed and make files of it, and a checkpoint is durable before its file
leaves the house."""


def _commits(source: str) -> list[int]:
    """Lines that commit, begin or roll back a transaction, or open one that does."""
    verbs = {"commit", "begin", "rollback", "begin_nested"}
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Attribute) and node.func.attr in verbs)
            or (isinstance(node.func, ast.Name) and node.func.id == "transaction")
        )
    ]


def _modules() -> list[Path]:
    names = (path.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.rglob("*.py")))
    return [Path(name) for name in names if not name.startswith(EDGES) and name not in PUBLISHERS]


@pytest.mark.parametrize("module", _modules(), ids=str)
def test_only_the_edge_commits(module: Path) -> None:
    assert _commits((PACKAGE / module).read_text()) == []


@pytest.mark.parametrize(
    "source",
    ["session.commit()", "with session.begin(): pass", "with transaction(engine) as s: pass", "self.s.rollback()"],
)
def test_the_rule_sees_every_way_to_commit(source: str) -> None:
    assert _commits(source) == [1]
