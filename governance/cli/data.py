"""`probity sample`, `probity data`: interactions to try things with."""

from pathlib import Path
from typing import Annotated

import typer

from governance.cli.context import JsonOption
from governance.cli.display import listing, progress, record, say, stdout
from pseudonymisation.sources.download import download
from pseudonymisation.sources.published import PUBLISHED, PublishedSet
from pseudonymisation.sources.sample import SampleSettings, SampleSummary, write_sample

data = typer.Typer(help="Published interactions: list them, download them from their publisher.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("sample")(sample)
    app.add_typer(data, name="data")


def sample(
    folder: Annotated[Path, typer.Argument(help="An empty or new folder.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = SampleSettings().seed,
    subjects: Annotated[int, typer.Option()] = SampleSettings().subjects,
    titles: Annotated[int, typer.Option()] = SampleSettings().titles,
    *,
    as_json: JsonOption = False,
) -> None:
    """Generate a streaming service: catalogue, subjects with identifiers, events, consents."""
    with progress("generating") as step:
        settings = SampleSettings(seed=seed, subjects=subjects, titles=titles)
        summary = write_sample(folder, settings, progress=lambda _, done, total: step(done, total or 0))
    record(f"Sample service in {folder}", sample_facts(summary), as_json=as_json)


def sample_facts(summary: SampleSummary) -> list[tuple[str, object]]:
    """What was generated and planted, row by row."""
    return [
        ("subjects", summary.subjects),
        ("titles", summary.titles),
        *((f"{kind} events", count) for kind, count in summary.events.items()),
        ("consent records", summary.consents),
        ("declarations of an age or a gender", summary.declarations),
        ("subjects who refused or withdrew", summary.refused_or_withdrawn_subjects),
        ("subjects with a Global Privacy Control signal", summary.gpc_subjects),
        ("searches in which subjects typed their own identifier", summary.searches_with_own_identifier),
        ("damaged lines", sum(summary.faults.values())),
        (f"planted: {summary.buried_category}, share of the catalogue", f"{summary.catalogue_share:.1%}"),
        (f"planted: {summary.buried_category}, share of the views", f"{summary.view_share:.1%}"),
    ]


@data.command("list")
def list_published(*, as_json: JsonOption = False) -> None:
    """The published sets that can be downloaded."""
    rows = [(each.slug, each.title, each.licence, each.url) for each in PUBLISHED]
    listing("Published sets", ("set", "title", "licence", "address"), rows, as_json=as_json)


@data.command("get")
def get(
    slug: Annotated[str, typer.Argument(help="One of `probity data list`.")],
    into: Annotated[Path, typer.Option(help="The folder that the set's own folder is made in.")] = Path("data"),
    *,
    accept_licence: Annotated[bool, typer.Option("--accept-licence", help="You have read the licence.")] = False,
    base_url: Annotated[str | None, typer.Option(help="A mirror's folder, which holds the set's archive.")] = None,
) -> None:
    """Download a published set after showing its licence; its checksum is verified before it is unpacked."""

    def accepts(published: PublishedSet) -> bool:
        say(f"{published.title}\n\nLicence: {published.licence}\nPlease cite: {published.citation}\n")
        return accept_licence or typer.confirm("Do you accept this licence?")

    with progress(f"downloading {slug}") as step:
        folder = download(
            slug,
            into,
            accept_licence=accepts,
            base_url=base_url,
            progress=lambda _, done, total: step(done, total or 0),
        )
    stdout.print(str(folder), markup=False)
