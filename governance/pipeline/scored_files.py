"""Files in, prices out: what `probity mitigate --scores` reads and writes."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from audits.mitigation_page import render_mitigation
from audits.mitigation_report import MitigationReport
from audits.scores import score_matrix
from audits.sources import read_groups, read_history, read_items, read_relevance, read_scores
from governance.errors import InvalidInput
from governance.pipeline.pricing import Priced, Told, price_scores
from governance.policy.loader import load
from governance.policy.rules import FairnessPolicy
from pseudonymisation.durable import write_atomically
from recommender.price_file import price_file_bytes, price_file_digest

Progress = Callable[[int, int], None]

TITLE = "Exposure prices"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredFiles:
    """Where everything lies; all but the first three are optional.

    Attributes:
        scores: ``subject``, ``item``, ``score``.
        items: ``item``, ``category`` and optionally ``attribute``, ``weight``; every item once at least.
        policy: whose exposure rules should hold.
        groups: ``subject``, ``group`` and optionally ``attribute``.
        history: ``subject``, ``item``: what is never shown again.
        relevance: ``subject``, ``item``: what subjects went on to choose.
    """

    scores: Path
    items: Path
    policy: Path
    groups: Path | None = None
    history: Path | None = None
    relevance: Path | None = None


def price_files(
    files: ScoredFiles, *, relative: bool = False, held_out_share: float = 0.3, progress: Progress | None = None
) -> Priced:
    """Fit prices for scores in files, and measure them on subjects kept aside.

    ``relative`` scales each subject's best score to 1, the unit in which Probity's own models take prices.

    Raises:
        UnknownSource, MalformedSource: a file that is absent, of no known format, or breaks its layout.
        PolicyError: the policy cannot be used.
        And all that ``price_scores`` raises.
    """
    policy = load(files.policy, FairnessPolicy)
    membership, items = read_items(files.items)
    history = None if files.history is None else read_history(files.history)
    scores = score_matrix(read_scores(files.scores), items, history=history)
    told = Told(
        groups=None if files.groups is None else read_groups(files.groups),
        history=history,
        relevance=None if files.relevance is None else read_relevance(files.relevance),
    )
    return price_scores(
        scores.relative() if relative else scores,
        membership,
        policy,
        {"scores": _digest(files.scores), "items": _digest(files.items)},
        unit="relative score" if relative else "score",
        told=told,
        held_out_share=held_out_share,
        progress=progress,
    )


def refuse_unwritable(prices: Path, report: Path | None) -> None:
    """Say before anything is fitted that its outcome could not be written.

    Raises:
        InvalidInput: another ending than the file can have, or a folder that does not exist.
    """
    for path, endings in ((prices, (".json", ".yaml", ".yml")), (report, (".json", ".html"))):
        if path is None:
            continue
        if path.suffix not in endings:
            msg = f"{path.name}: expected a name that ends in {', '.join(endings[:-1])} or {endings[-1]}"
            raise InvalidInput(msg)
        if not path.parent.is_dir():
            msg = f"{path}: expected a folder that exists"
            raise InvalidInput(msg)


def write_prices(priced: Priced, path: Path) -> str:
    """Write the price file, JSON or YAML by its name; returns the SHA-256 of its bytes."""
    content = price_file_bytes(priced.file, path.name)
    write_atomically(path, content, mode=0o644)
    return price_file_digest(content)


def write_report(report: MitigationReport, path: Path, *, title: str = TITLE) -> None:
    """Write the report, as a page where the file's name ends in .html, else as JSON."""
    as_page = path.suffix == ".html"
    content = render_mitigation(report, title=title).encode() if as_page else report.to_json()
    write_atomically(path, content, mode=0o644)


def _digest(path: Path) -> str:
    """SHA-256 of a file; of a folder, that of what `sha256sum` prints for its files, sorted by name."""
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file())
        lines = "".join(f"{_digest(each)}  {each.relative_to(path).as_posix()}\n" for each in files)
        return hashlib.sha256(lines.encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
