"""`probity audit artwork`: whom the pictures of titles show to whom, for anybody's files.

No home, no database and no model is loaded. Exit codes where limits are asked for: 0 pass, 1 fail, 2 usage or
configuration, 3 inconclusive, 4 data or internal error; 0 where nothing was asked.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from audits.artwork.findings import ArtworkFinding, ArtworkLimits, about, findings, level_of_each, outcome_of
from audits.artwork.page import render_artwork
from audits.artwork.report import ArtworkConfig, ArtworkReport, audit_artwork
from audits.artwork.wording import FIGURES, sentences, verdict_sentences, worst_first
from audits.sources.artwork import load_artwork
from governance.cli.audit_group import add_group
from governance.cli.display import JsonOption, progress, say, stdout, table, write_json
from governance.cli.gate_tables import DebugOption, answering
from governance.cli.report_files import require_writable, write_report
from governance.gate.outputs.standing import EXITS
from governance.ledger.published import printable

_SHOWN = 20
"""Rows of each table; the report has the rest."""
_TITLE = "Artwork"

ImpressionsOption = Annotated[
    str,
    typer.Option(
        help="What was shown: subject, title, image[, propensity][, clicked], and cohort unless --cohorts has it.",
        show_default=False,
    ),
]
ImagesOption = Annotated[
    str, typer.Option(help="Every eligible image, shown or not: title, image, category.", show_default=False)
]
ProvenanceOption = Annotated[
    str,
    typer.Option(
        help="Where categories of images and groups of people come from and who agreed: production metadata, "
        "never a guess from a face.",
        show_default=False,
    ),
]
CohortsOption = Annotated[str | None, typer.Option(help="Which cohort each subject is in: subject, cohort.")]
CastOption = Annotated[str | None, typer.Option(help="Who is billed for how much: title, person, group, share.")]
PicturedOption = Annotated[str | None, typer.Option(help="Who is on an image: title, image, person.")]
ProbesOption = Annotated[
    str | None,
    typer.Option(help="What the chooser would do for each cohort: subject, title, cohort, image, probability."),
]
FloorOption = Annotated[
    float | None, typer.Option(help="Limit: the chance that every eligible image must have, such as 0.01.")
]
GapOption = Annotated[
    float | None, typer.Option(help="Limit: how far a cohort's share of a kind of image may lie from chance.")
]
RatioOption = Annotated[
    float | None, typer.Option(help="Limit: how far ln(people shown / roles billed) may lie from 0, in any cohort.")
]
TitleRatioOption = Annotated[float | None, typer.Option(help="Limit: the same of each title.")]
SensitivityOption = Annotated[
    float | None, typer.Option(help="Limit: how much the cohort alone may move between images; needs --probes.")
]
ClipOption = Annotated[float | None, typer.Option(help="Largest weight of an impression in off-policy estimates.")]
ReportOption = Annotated[Path | None, typer.Option(help="Where a report goes: a .html page or a .json file.")]


def register(app: typer.Typer) -> None:
    """Add the command without the rest of its group."""
    add_group(app, add_to)


def add_to(group: typer.Typer) -> None:
    """Add the command to its group."""
    group.command("artwork")(artwork)


def artwork(
    *,
    impressions: ImpressionsOption,
    images: ImagesOption,
    provenance: ProvenanceOption,
    cohorts: CohortsOption = None,
    cast: CastOption = None,
    pictured: PicturedOption = None,
    probes: ProbesOption = None,
    floor: FloorOption = None,
    image_gap: GapOption = None,
    cast_log_ratio: RatioOption = None,
    title_log_ratio: TitleRatioOption = None,
    cohort_sensitivity: SensitivityOption = None,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of everything that is asked.")] = 0.95,
    replicates: Annotated[int, typer.Option(min=100, help="Resamples.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resampling.")] = 1,
    min_subjects: Annotated[int, typer.Option(min=1, help="A figure of fewer subjects is not given.")] = 10,
    clip: ClipOption = None,
    report: ReportOption = None,
    as_json: JsonOption = False,
    debug_log: DebugOption = None,
) -> None:
    """Whom the pictures of titles show, to whom: image by cohort, billed roles against people shown, exploration.

    Cohorts are given by you, as the chooser of images could tell subjects apart; they are never inferred. Nothing is
    inferred from faces: who is on an image, and what is said of people, comes from --pictured and --cast. Without a
    limit the figures are printed and the exit code is 0. With limits, 0 all hold, 1 one is surely broken, 3 undecided,
    also where a cohort is too small for a figure.
    """
    with answering(debug_log):
        require_writable(report)
        limits = ArtworkLimits(
            image_gap=image_gap,
            cast_log_ratio=cast_log_ratio,
            title_log_ratio=title_log_ratio,
            cohort_sensitivity=cohort_sensitivity,
            floor=floor is not None,
        )
        config = ArtworkConfig(
            seed=seed,
            provenance=provenance,
            floor=0.01 if floor is None else floor,
            clip=clip,
            replicates=replicates,
            level=level_of_each(confidence, limits),
            min_subjects=min_subjects,
        )
        optional = {"cohorts": cohorts, "cast": cast, "pictured": pictured, "probes": probes}
        made = _audited(impressions, images, optional, config)
        found = findings(made, limits)
        if report is not None:
            write_report(report, page=lambda: render_artwork(made, title=_TITLE, found=found), as_json=made.to_json)
        _hand_out(made, found, as_json=as_json)
        outcome = outcome_of(found)
    raise typer.Exit(0 if outcome is None else EXITS[outcome])


def _audited(impressions: str, images: str, optional: Mapping[str, str | None], config: ArtworkConfig) -> ArtworkReport:
    with progress("reading") as step:
        given = load_artwork(impressions=impressions, images=images, progress=lambda _: step, **optional)
    with progress("resampling subjects") as step:
        return audit_artwork(given, config=config, progress=step)


def _hand_out(made: ArtworkReport, found: tuple[ArtworkFinding, ...], *, as_json: bool) -> None:
    outcome = outcome_of(found)
    verdict = () if outcome is None else verdict_sentences(outcome, found)
    if as_json:
        write_json(
            {
                "outcome": outcome,
                "findings": [asdict(each) for each in found],
                "sentences": [*verdict, *sentences(made)],
                "report": json.loads(made.to_json()),
            }
        )
        return
    if found:
        _show_findings(found)
    _show_figures(made)
    for sentence in (*verdict[:1], *sentences(made)):
        stdout.print(printable(sentence), markup=False, soft_wrap=True)


def _show_findings(found: Sequence[ArtworkFinding]) -> None:
    rows = [
        (
            *(each.check, each.about, each.reason if each.value is None else each.value, each.low, each.high),
            *(each.limit, str(each.outcome), each.n, each.n_to_decide),
        )
        for each in found[:_SHOWN]
    ]
    columns = ("figure", "of", "value", "from", "to", "limit", "verdict", "subjects", "n to decide")
    table("Limits, worst first", columns, rows)
    _say_more(len(found))


def _show_figures(made: ArtworkReport) -> None:
    columns = ("of", "value", "from", "to", "subjects")
    for figure in FIGURES:
        rows = worst_first(made.select(figure.slug))
        if rows:
            shown = [
                (about(row), row.value if row.undefined is None else str(row.undefined), row.low, row.high, row.n)
                for row in rows[:_SHOWN]
            ]
            table(f"{figure.slug}: {figure.title}", columns, shown)
            _say_more(len(rows))
    if made.titles:
        titles = [
            (row.title, row.group, row.billed, row.shown, row.log_ratio, row.low, row.high, row.subjects)
            for row in made.titles[:_SHOWN]
        ]
        table(
            "Titles, ln(shown / billed)", ("title", "group", "billed", "shown", "ln", "from", "to", "subjects"), titles
        )
        _say_more(len(made.titles))


def _say_more(rows: int) -> None:
    if rows > _SHOWN:
        say(f"{rows - _SHOWN:,} more rows: --json and --report have them all")
