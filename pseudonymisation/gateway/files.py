"""Files in: lines of any length of file, in batches, each durable before the next is begun.

Run again after a crash, the same file adds only what is missing: a batch that is on record is passed over before
anybody is enrolled, so whoever was erased since then stays erased.

That holds for the same lines of the same source, cut in the same way under the same key. The same lines in another
file, or cut differently (another ``Pace.batch_lines``, lines put in or left out before them), are a new collection, and
so are lines that a crash kept from being taken in: they enrol an erased subject anew, as somebody else. Events and
decisions that are still stored are not added again even then.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pseudonymisation.gateway.batch import (
    BatchSink,
    BatchSummary,
    ConsentSink,
    Gateway,
    ingest_batch,
    ingest_consent_batch,
)

BATCH_LINES = 100_000
BATCH_BYTES = 32 << 20
Progress = Callable[[int], None]
"""Called after each batch with the number of lines done so far."""


def _silent(_lines: int) -> None:
    """Progress for those who do not look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a file is worked through. Changes nothing about the result.

    ``timer`` gives seconds that only rise.
    """

    batch_lines: int = BATCH_LINES
    progress: Progress = _silent
    timer: Callable[[], float] = time.perf_counter


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSummary:
    """What became of a whole file; counts as in ``BatchSummary``.

    ``batches_repeated`` of the ``batches`` were taken in before. ``quarantined`` lines are those that were rejected,
    whether policy keeps their text or not.
    """

    source: str
    batches: int
    batches_repeated: int
    received: int
    written: Mapping[str, int]
    duplicates: int
    dropped: Mapping[str, int]
    quarantined: int
    fields_dropped: Mapping[str, int]
    gpc_subjects: int
    expectations: int
    versions: Mapping[str, int]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentSummary:
    """What became of a file of consent records.

    ``decided`` went to the sink; ``repeated`` are in batches that were taken in before.
    """

    source: str
    received: int
    decided: int
    repeated: int
    dropped: Mapping[str, int]
    quarantined: int


def ingest_files(
    lines: Iterable[bytes],
    gateway: Gateway,
    sink: BatchSink,
    *,
    source: str,
    pace: Pace = Pace(),
) -> IngestSummary:
    """Take event lines in.

    Args:
        lines: without line feeds; line n is item n, counted from 1.
        gateway: where they go.
        sink: told of each batch once its rows are durable; not of one that is on record.
        source: the file's name, as counts and quarantine shall cite it.
        pace: batches, progress and timing.

    Raises:
        PseudonymisationError: a batch could not be taken in; those before it are, and running again goes on.
    """
    start, done = pace.timer(), 0
    summaries: list[BatchSummary] = []
    for batch in batches_of(lines, pace.batch_lines):
        summary = ingest_batch(batch, gateway, source=source, first_line=done + 1)
        if not summary.repeated:
            sink.accepted(summary)
        # Without the rejects: quarantine has them, and a file of nothing but bad lines would fill the memory.
        summaries.append(replace(summary, rejects=()))
        done += len(batch)
        pace.progress(done)
    return _total(summaries, source, pace.timer() - start, gateway.lake.versions())


def ingest_consents(
    lines: Iterable[bytes],
    gateway: Gateway,
    sink: ConsentSink,
    *,
    source: str,
    pace: Pace = Pace(),
) -> ConsentSummary:
    """Take consent records in; arguments as for ``ingest_files``."""
    received = decided = repeated = done = 0
    dropped: Counter[str] = Counter()
    for batch in batches_of(lines, pace.batch_lines):
        outcome = ingest_consent_batch(batch, gateway, sink, source=source, first_line=done + 1)
        received, decided = received + outcome.received, decided + outcome.decisions.num_rows
        repeated += outcome.repeated
        dropped.update(reject.fault.reason for reject in outcome.rejects)
        done += len(batch)
        pace.progress(done)
    return ConsentSummary(
        source=source,
        received=received,
        decided=decided,
        repeated=repeated,
        dropped=dict(dropped),
        quarantined=dropped.total(),
    )


def batches_of(lines: Iterable[bytes], batch_lines: int) -> Iterator[list[bytes]]:
    """Lines in lists of at most ``batch_lines`` and about ``BATCH_BYTES``: long lines cannot fill the memory."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += len(line)
        if len(batch) >= batch_lines or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _total(summaries: list[BatchSummary], source: str, seconds: float, versions: Mapping[str, int]) -> IngestSummary:
    return IngestSummary(
        source=source,
        batches=len(summaries),
        batches_repeated=sum(summary.repeated for summary in summaries),
        received=sum(summary.received for summary in summaries),
        written=_summed(summary.written for summary in summaries),
        duplicates=sum(summary.duplicates for summary in summaries),
        dropped=_summed(summary.dropped for summary in summaries),
        quarantined=sum(summary.quarantined for summary in summaries),
        fields_dropped=_summed(summary.fields_dropped for summary in summaries),
        gpc_subjects=len({subject for summary in summaries for subject in summary.gpc}),
        expectations=sum(summary.expectations for summary in summaries),
        versions=versions,
        seconds=seconds,
    )


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total)
