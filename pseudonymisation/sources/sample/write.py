"""The sample on disk, in the layout of ``pseudonymisation.sources.files``."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pseudonymisation.sources.errors import UnwritableFolder
from pseudonymisation.sources.progress import Progress, silent
from pseudonymisation.sources.sample.consents import Decisions, make_decisions
from pseudonymisation.sources.sample.declarations import make_declarations
from pseudonymisation.sources.sample.events import EventLines, make_events
from pseudonymisation.sources.sample.exposure import make_impressions
from pseudonymisation.sources.sample.faults import FAULTS, with_faults
from pseudonymisation.sources.sample.settings import SampleSettings, SampleSummary
from pseudonymisation.sources.sample.subjects import Population, make_population
from pseudonymisation.sources.sample.titles import BURIED, Titles, make_titles

STEPS = 6
_STEP = "sample service"


def write_sample(folder: Path, settings: SampleSettings, *, progress: Progress = silent) -> SampleSummary:
    """Writes both tables, events, declarations and consents as NDJSON, and README.md; replaces an older sample.

    Guarantees:
      - equal settings give equal bytes, given the same versions of numpy and pyarrow
      - a file is replaced as a whole or not at all

    Raises:
        UnwritableFolder: the folder cannot be made or the disk is full; the message says why.
    """
    streams = np.random.default_rng(settings.seed).spawn(6)
    progress(_STEP, 0, STEPS)
    titles = make_titles(streams[0], settings)
    population = make_population(streams[1], settings)
    progress(_STEP, 1, STEPS)
    impressions = make_impressions(streams[2], settings, titles, population)
    progress(_STEP, 2, STEPS)
    events = make_events(streams[3], settings, titles, population, impressions)
    progress(_STEP, 3, STEPS)
    decisions = make_decisions(streams[4], settings, population.subjects)
    declarations = make_declarations(streams[5], settings, population.subjects)
    lines = with_faults(events.lines) if settings.faults else events.lines
    summary = _summary(settings, titles, population, events, decisions, declarations=len(declarations))
    progress(_STEP, 4, STEPS)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / "items.parquet", lambda path: _write_table(titles.catalogue.items, path))
        _replace(folder / "categories.parquet", lambda path: _write_table(titles.catalogue.categories, path))
        _replace(folder / "consents.ndjson", lambda path: _write_lines(decisions.lines, path))
        _replace(folder / "declarations.ndjson", lambda path: _write_lines(declarations, path))
        _replace(folder / "events.ndjson", lambda path: _write_lines(lines, path))
        progress(_STEP, 5, STEPS)
        _replace(folder / "README.md", lambda path: path.write_text(_readme(settings, summary), encoding="utf-8"))
    except OSError as cause:
        reason = cause.strerror or "input/output error"
        msg = f"{folder.name}: cannot write the sample here ({reason}); free the disk or choose another folder"
        raise UnwritableFolder(msg) from cause
    progress(_STEP, STEPS, STEPS)
    return summary


def _summary(
    settings: SampleSettings,
    titles: Titles,
    population: Population,
    events: EventLines,
    decisions: Decisions,
    *,
    declarations: int,
) -> SampleSummary:
    subjects = population.subjects
    return SampleSummary(
        subjects=settings.subjects,
        titles=settings.titles,
        events=events.by_kind,
        consents=len(decisions.lines),
        declarations=declarations,
        refused_or_withdrawn_subjects=decisions.refused_or_withdrawn,
        gpc_subjects=sum(subject.gpc for subject in subjects),
        two_device_subjects=sum(len(subject.devices) > 1 for subject in subjects),
        email_variant_subjects=sum(subject.email != subject.email_variant for subject in subjects),
        searches_with_own_identifier=events.with_own_identifier,
        buried_category=f"origin/{BURIED}",
        catalogue_share=float(titles.buried.mean()),
        view_share=events.view_share,
        faults={fault.slug: fault.count for fault in FAULTS} if settings.faults else {},
    )


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        write(partial)
        partial.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


def _write_table(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd")


def _write_lines(lines: list[bytes], path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"\n".join(lines))
        file.write(b"\n")


def _readme(settings: SampleSettings, summary: SampleSummary) -> str:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in summary.events.items())
    faults = ", ".join(f"{count} {slug}" for slug, count in summary.faults.items()) or "none"
    return f"""# The sample service

Licence: invented data, CC0 1.0: free of all rights.
Note: everything is simulated from seed {settings.seed}; no line is about a real person or title.

{summary.subjects:,} subjects, {summary.titles:,} titles, {settings.days} days before {settings.until:%Y-%m-%d}.
Events: {kinds}. One impression in four is logged as `browse`.
{summary.declarations:,} declarations of an age or a gender, of nearly everybody; tastes do not hang on them.

What is planted:

- titles of {summary.buried_category} are {summary.catalogue_share:.1%} of the catalogue and liked as much as others,
  but a past recommender showed them less and lower: they have {summary.view_share:.1%} of the views
- subjects who refused or withdrew consent: {summary.refused_or_withdrawn_subjects}
- subjects who send Global Privacy Control: {summary.gpc_subjects}
- subjects with two devices: {summary.two_device_subjects}
- subjects who spell their e-mail address in two ways: {summary.email_variant_subjects}
- searches with the address or telephone number of whoever typed them: {summary.searches_with_own_identifier}
- damaged lines, each a copy of a good one: {faults}

Identifiers are invented within ranges reserved for documentation (RFC 2606, RFC 5737, RFC 3849, 555-01xx).
"""
