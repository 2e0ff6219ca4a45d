"""`probity ledger`: read, publish, export, prove and verify the log."""

import time
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import OperationalError

from governance.cli import ledger_verify, opening_check, openings
from governance.cli.context import HomeOption, JsonOption, opened
from governance.cli.display import listing, progress, say, stdout
from governance.cli.ledger_watch import watch
from governance.database import reading
from governance.errors import BrokenProof, Conflict, QuorumMissed
from governance.ledger.check import check_database
from governance.ledger.export import export as write_export
from governance.ledger.grants import missing_guards, powers_over_log
from governance.ledger.note import encode_vkey
from governance.ledger.proof import encode_proof
from governance.ledger.proving import prove
from governance.ledger.search import Filter, search
from governance.ledger.trust_policy import parse_policy, trusting
from governance.moments import read_bound
from governance.pipeline.home import Home
from governance.pipeline.publication import (
    Publication,
    publish_log,
    repair_published,
    trust_policy_of,
    verify_published,
)
from governance.rights.openings import VaultBoxes
from governance.rights.openings_check import check_openings
from governance.settings import DEFAULT_HOME

ledger = typer.Typer(help="The append-only log of every change to the pipeline.", no_args_is_help=True)
ledger.command("watch")(watch)
ledger_verify.add_to(ledger)
openings.add_to(ledger)
opening_check.add_to(ledger)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(ledger, name="ledger")


@ledger.command("list")
def list_entries(
    home: HomeOption = DEFAULT_HOME,
    *,
    kind: Annotated[str | None, typer.Option(help="Only entries of this kind, or family (`rights.`).")] = None,
    mentions: Annotated[str | None, typer.Option(help="Only entries that name this model, request or digest.")] = None,
    since: Annotated[str | None, typer.Option(help="From this day, or moment, on (UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="To the end of this day, or before this moment (UTC).")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: JsonOption = False,
) -> None:
    """The latest entries."""
    wanted = Filter(
        kinds=() if kind is None else (kind,),
        mentions=mentions,
        since=None if since is None else read_bound(since, "since", end=False),
        until=None if until is None else read_bound(until, "until", end=True),
    )
    with opened(home).transaction() as session:
        found = search(session, wanted, limit=limit)
    rows = [(each.seq, each.at.isoformat(), each.kind, each.actor, dict(each.body)) for each in found]
    listing("Ledger", ("entry", "at", "kind", "actor", "body"), rows, as_json=as_json)


@ledger.command("publish")
def publish(
    home: HomeOption = DEFAULT_HOME,
    every: Annotated[int | None, typer.Option(min=1, help="Go on, with so many seconds between.")] = None,
) -> None:
    """Sign the log as it is now, have it witnessed, and write its tiles and checkpoint below the home."""
    here = opened(home)
    while every is not None:
        try:
            _say_answers(publish_log(here))
        except (QuorumMissed, Conflict) as passing:
            # Whatever else is wrong with the log stops the publisher.
            say(f"{passing}")
        except OperationalError:
            say("the database cannot be reached; trying again")
        time.sleep(every)
    with progress("publishing") as step:
        publication = publish_log(here, progress=step)
    _say_answers(publication)
    say(f"{publication.checkpoint.size} entries are signed; the log's public key is")
    stdout.print(encode_vkey(here.ledger_signer.verifier_key), markup=False, soft_wrap=True)


def _say_answers(publication: Publication) -> None:
    for each in publication.answers:
        say(f"{each.name}: {each.error or 'cosigned'}")


@ledger.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    home: HomeOption = DEFAULT_HOME,
    policy: Annotated[
        Path | None, typer.Option(help="A trust policy to hand over with it.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Write everything an auditor needs to verify the log without us."""
    here = opened(home)
    proposed = parse_policy(policy.read_bytes()) if policy is not None else trust_policy_of(here)
    with progress("exporting") as step:
        checkpoint = write_export(here.engine, here.folder("ledger"), folder, policy=proposed, progress=step)
    say(f"{folder}: {checkpoint.size} entries")


@ledger.command("prove")
def prove_entry(
    entry: Annotated[int, typer.Argument(min=0)],
    to: Annotated[Path | None, typer.Option(help="The proof's file; N.tlog-proof here, unless given.")] = None,
    entry_to: Annotated[Path | None, typer.Option(help="A file for the entry's bytes, which the proof is of.")] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Write the proof that an entry is in the published log (C2SP tlog-proof); `verify-proof` checks it."""
    here = opened(home)
    content, proof = prove(here.folder("ledger"), entry, trusting(*here.ledger_keys))
    to = Path(f"{entry}.tlog-proof") if to is None else to
    to.write_bytes(encode_proof(proof))
    if entry_to is not None:
        entry_to.write_bytes(content)
    say(f"{to}" if entry_to is None else f"{to}, {entry_to}")


def _repair(here: Home) -> None:
    with progress("restoring") as step:
        restored = repair_published(here, progress=step)
    for name in restored:
        say(f"restored: {name}")


@ledger.command("fsck")
def fsck(
    home: HomeOption = DEFAULT_HOME,
    *,
    restore: Annotated[
        bool, typer.Option("--repair", help="First write again what is missing or cut short in the published folder.")
    ] = False,
) -> None:
    """Verify the published log, rebuild everything from the entries in the database, and compare."""
    here = opened(home)
    if restore:
        _repair(here)
    witnesses = [each.key for each in trust_policy_of(here).witnesses]
    with progress("rebuilding") as step:
        found = check_database(
            here.engine, *here.ledger_keys, witnesses=witnesses, published=verify_published(here), progress=step
        )
    with progress("opening") as step:
        openings = check_openings(here.engine, VaultBoxes(here.vault), progress=step)
    with reading(here.engine) as session:
        missing, powers = missing_guards(session), powers_over_log(session)
    if missing:
        msg = f"the entries agree, but triggers that keep them from being rewritten are missing: {', '.join(missing)}"
        raise BrokenProof(msg)
    if powers:
        say(f"the application's role {powers[0]}, so it could switch the log's triggers off: see `control.owner_url`")
    say(
        f"{found.size} entries, {found.tiles} full tiles, {found.checkpoints} checkpoints, {found.cosignatures} "
        f"cosignatures, {openings.opened} openings: what is stored and what was signed agree"
    )
    if found.unknown_witnesses:
        say(
            f"{found.unknown_witnesses} cosignatures are of witnesses that the trust policy does not name: only their "
            "form was checked"
        )
    if found.waiting:
        say(f"{found.waiting} entries wait for their place; `probity ledger publish` gives it to them")
