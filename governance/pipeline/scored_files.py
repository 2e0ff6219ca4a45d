"""Files in, prices or lists out: what `probity mitigate --scores` reads and writes."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from audits.mitigation.page import render_mitigation
from audits.mitigation.report import MitigationReport
from audits.mitigation.words import title_of
from audits.scores import score_matrix
from audits.sources import read_groups, read_history, read_items, read_relevance, read_scores
from governance.pipeline.scored import HELD_OUT_SHARE, Scored, Told
from governance.policy.loader import load
from governance.policy.rules import FairnessPolicy
from pseudonymisation.durable import write_atomically
from recommender.price_file import PriceFile, price_file_bytes

PRICES, LISTS = (".json", ".yaml", ".yml"), (".csv", ".parquet")
"""What the names of files can end in."""


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

    @property
    def paths(self) -> tuple[Path | None, ...]:
        """All of them."""
        return self.scores, self.items, self.policy, self.groups, self.history, self.relevance


def read_scored(files: ScoredFiles, *, relative: bool = False, held_out_share: float = HELD_OUT_SHARE) -> Scored:
    """Everything that files say.

    ``relative`` scales each subject's best score to 1, the unit in which Probity's own models take prices.

    Raises:
        UnknownSource, MalformedSource: a file that is absent, of no known format, or breaks its layout.
        PolicyError: the policy cannot be used.
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
    return Scored(
        scores=scores.relative() if relative else scores,
        membership=membership,
        policy=policy,
        inputs={"scores": _digest(files.scores), "items": _digest(files.items)},
        unit="relative score" if relative else "score",
        told=told,
        held_out_share=held_out_share,
    )


def write_outcome(outcome: PriceFile | pa.Table, out: Path, report: MitigationReport, place: Path | None) -> str:
    """Write prices or lists and, where it has a place, the report; returns the SHA-256 of the first.

    Prices are JSON or YAML, lists CSV or Parquet, the report a page or JSON, by the names of the files.
    """
    is_prices = isinstance(outcome, PriceFile)
    contents = {out: price_file_bytes(outcome, out.name) if is_prices else _rows(outcome, out)}
    if place is not None:
        as_page = place.suffix == ".html"
        contents[place] = render_mitigation(report, title=title_of(report)).encode() if as_page else report.to_json()
    # Whatever cannot be said in its format has failed by now, before anything is written.
    for path, content in contents.items():
        write_atomically(path, content, mode=0o644)
    return hashlib.sha256(contents[out]).hexdigest()


def _rows(lists: pa.Table, path: Path) -> bytes:
    sink = pa.BufferOutputStream()
    if path.suffix == ".parquet":
        pq.write_table(lists, sink)
    else:
        pacsv.write_csv(lists, sink)
    return bytes(sink.getvalue())


def _digest(path: Path) -> str:
    """SHA-256 of a file; of a folder, that of what `sha256sum` prints for its files, sorted by name."""
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file())
        lines = "".join(f"{_digest(each)}  {each.relative_to(path).as_posix()}\n" for each in files)
        return hashlib.sha256(lines.encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
