"""`probity evidence`: the evidence of a period in one file, and its verification by whoever got it."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from governance.access.principals import actor_of
from governance.cli.context import HomeOption, JsonOption, acting, opened
from governance.cli.display import progress, say, stdout, table, write_json
from governance.evidence.period import Period
from governance.evidence.verification import PackVerification, verify_pack
from governance.ledger.trust_policy import parse_policy
from governance.settings import DEFAULT_HOME

evidence = typer.Typer(help="The evidence of a period, to hand over and to verify.", no_args_is_help=True)
DAY = ["%Y-%m-%d"]
EVIDENCE_MISSING = 3
"""The exit code of a pack that holds but is not whole: whoever makes one could call anything missing."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(evidence, name="evidence")


@evidence.command("pack")
def pack(
    file: Annotated[Path, typer.Argument(help="A new file, such as november.zip.")],
    first: Annotated[datetime, typer.Option("--from", formats=DAY, help="The first day, in UTC.")],
    last: Annotated[datetime, typer.Option("--to", formats=DAY, help="The last day, included.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Write entries, proofs, reports, decisions and policies of a period into one file; prints its SHA-256.

    The entries must be published. Making the file is an entry of its own, which names the digest. Who makes it is named
    by the token in PROBITY_TOKEN, or typed when asked for; a role of theirs must allow `evidence:export`.
    """
    from governance.pipeline.evidence import take_evidence
    from governance.pipeline.publication import trust_policy_of

    here = opened(home)
    with here.transaction() as session:
        actor = actor_of(acting(here, session, "evidence:export"))
    with progress("packing") as step:
        made = take_evidence(
            here.engine,
            here.settings.home,
            here.folder("ledger"),
            Period(first.date(), last.date()),
            file,
            actor=actor,
            entry_id=uuid4(),
            clock=here.clock,
            policy=trust_policy_of(here),
            progress=step,
        )
    say(f"{file}: {made.entries} entries, proved against the signed log of {made.checkpoint}")
    for each in made.missing:
        say(f"missing: {each.what} {each.name}: {each.reason}")
    stdout.print(made.digest, markup=False, soft_wrap=True)


@evidence.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="An evidence pack.", exists=True, dir_okay=False)],
    policy: Annotated[
        Path, typer.Option(help="Your trust policy (C2SP tlog-policy), not from the pack.", exists=True, dir_okay=False)
    ],
    *,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Exit 0 though the pack says that it lacks something.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Verify a pack from the file alone.

    Exit codes: 0 all holds, 1 something does not, 2 it could not be asked, 3 what is there holds, but things that the
    log names are not there.
    """
    found = verify_pack(file, parse_policy(policy.read_bytes()))
    if as_json:
        write_json(asdict(found))
    else:
        table("The pack holds", ("", ""), rows_of(found))
    for each in found.missing:
        say(f"not in the pack: {each}")
    if found.missing and not allow_missing:
        raise typer.Exit(EVIDENCE_MISSING)


def rows_of(found: PackVerification) -> list[tuple[str, object]]:
    """What was verified, row by row."""
    inside = f"{found.first} to {found.end - 1}" if found.end > found.first else "none"
    complete = "up to the signed end of the log" if found.open_ended else "none is left out"
    things = ", ".join(f"{count} {what}" for what, count in found.counts.items() if count) or "none"
    return [
        ("log", found.origin),
        ("period", f"{found.first_day} to {found.last_day}"),
        ("entries, each proved", inside),
        ("complete", complete),
        ("signed checkpoint", found.size),
        ("witnesses", ", ".join(found.witnesses) or "none"),
        ("grew out of the checkpoint of", found.before if found.before is not None else "none is given"),
        ("as the entries name them", things),
        ("missing", len(found.missing)),
        ("kinds", ", ".join(f"{count} {kind}" for kind, count in found.kinds.items()) or "none"),
        ("SHA-256 of the file", found.digest),
    ]
