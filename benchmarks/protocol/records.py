"""What one method did on one division at one ε, and the file in which that is kept.

A record is a line of JSON, appended as soon as it is known: an interrupted run goes on where it stopped, and code that
has changed since is run again.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.protocol.ranking import ndcg, recall
from benchmarks.protocol.splits import HeldOut
from benchmarks.protocol.stopwatch import Times

EVERYONE = "everyone"


@dataclass(frozen=True)
class Key:
    """What a record is of. ``epsilon`` is infinite without noise; ``code`` tells versions of the method apart."""

    data: str
    seed: int
    epsilon: float
    delta: float
    method: str
    noise: str
    code: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """Means over the held-out subjects, for everyone and for each group.

    Attributes:
        key: which run.
        subjects: how many each group has.
        recall: Recall@20.
        ndcg: NDCG@100.
        seconds: of the wall, by step of the work; ``measure`` and ``denoise`` are shared by all models of a release.
        processor: of all threads, by step.
        facts: what else is worth knowing, such as the number of items kept.
    """

    key: Key
    subjects: Mapping[str, int]
    recall: Mapping[str, float]
    ndcg: Mapping[str, float]
    seconds: Mapping[str, float]
    processor: Mapping[str, float]
    facts: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def total_s(self) -> float:
        """From interactions to a model that can serve."""
        return sum(seconds for step, seconds in self.seconds.items() if step != "serve")

    @property
    def processor_s(self) -> float:
        """The same, of all threads."""
        return sum(seconds for step, seconds in self.processor.items() if step != "serve")


def record_of(
    key: Key,
    lists: np.ndarray,
    held_out: HeldOut,
    *,
    times: Times,
    facts: Mapping[str, float | str] | None = None,
) -> Record:
    """Measure lists, one row a held-out subject."""
    masks = {EVERYONE: np.ones(len(lists), dtype=bool), **held_out.groups}
    masks = {group: mask for group, mask in masks.items() if mask.any()}
    targets = held_out.targets.matrix
    found, gain = recall(lists, targets), ndcg(lists, targets)
    return Record(
        key=key,
        subjects={group: int(mask.sum()) for group, mask in masks.items()},
        recall={group: float(found[mask].mean()) for group, mask in masks.items()},
        ndcg={group: float(gain[mask].mean()) for group, mask in masks.items()},
        seconds=times.wall,
        processor=times.processor,
        facts=facts or {},
    )


def written(record: Record) -> str:
    """One line of standard JSON, which has no infinity: no ε is null."""
    content = asdict(record)
    if math.isinf(record.key.epsilon):
        content["key"]["epsilon"] = None
    return json.dumps(content, allow_nan=False)


def read(line: str) -> Record:
    """The record of a line."""
    content = json.loads(line)
    key = content.pop("key")
    epsilon = math.inf if key["epsilon"] is None else float(key["epsilon"])
    return Record(key=Key(**{**key, "epsilon": epsilon}), **content)


def read_all(path: Path) -> dict[Key, Record]:
    """All records of the file; of two with one key the later. A last line that was cut off is left out."""
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8")
    lines = text[: text.rfind("\n") + 1].splitlines()
    return {record.key: record for record in map(read, lines)}


def append(path: Path, records: Iterable[Record]) -> Iterator[Record]:
    """Write each as it comes, and hand it on. A last line that was cut off is cut away first."""
    if path.is_file():
        whole = path.read_bytes()
        with path.open("r+b") as file:
            file.truncate(whole.rfind(b"\n") + 1)
    for record in records:
        with path.open("a", encoding="utf-8") as file:
            file.write(written(record) + "\n")
        yield record


def code_digest(*sources: Path) -> str:
    """Twelve hex digits that change with any of the files, or of the Python files in any of the folders."""
    hasher = hashlib.sha256()
    for source in sources:
        for path in sorted(source.rglob("*.py")) if source.is_dir() else [source]:
            hasher.update(path.name.encode() + b"\x00" + hashlib.sha256(path.read_bytes()).digest())
    return hasher.hexdigest()[:12]
