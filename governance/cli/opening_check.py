"""`probity ledger check-opening`: what a reviewer runs on any machine. It needs no home, so it loads no database."""

import re
from pathlib import Path
from typing import Annotated

import typer

from governance.cli.display import say
from governance.cli.ledger_verify import PolicyOption, VkeyOption, trusted
from governance.errors import BrokenProof, InvalidInput, UnreadableEntry
from governance.ledger.commitment import LARGEST_OPENING_BYTES, Opening, decode_opening, verify_opening
from governance.ledger.entry import decode_entry
from governance.ledger.proving import prove
from governance.ledger.trust_policy import TrustPolicy

COMMITMENT = re.compile(r"[0-9a-f]{64}")


def register(app: typer.Typer) -> None:
    """Add the command alone, for who asked for it."""
    ledger = typer.Typer(help="The append-only log of every change to the pipeline.")
    add_to(ledger)
    app.add_typer(ledger, name="ledger")


def add_to(ledger: typer.Typer) -> None:
    """Add the command to its group."""
    ledger.command("check-opening")(check_opening)


def check_opening(
    file: Annotated[Path, typer.Argument(help="What `probity ledger open` printed.")],
    *,
    commitment: Annotated[str | None, typer.Option(help="The commitment, as you have it from an entry.")] = None,
    log: Annotated[Path | None, typer.Option(help="Or: an exported log, with --entry and whom to believe.")] = None,
    entry: Annotated[int | None, typer.Option(min=0, help="The entry that carries the commitment.")] = None,
    policy: PolicyOption = None,
    vkey: VkeyOption = None,
) -> None:
    """Check, from files alone, that an opening is that of an entry: 0 it is, 1 it is not, 2 unreadable."""
    opening = _read_opening(file)
    if commitment is not None and log is None and entry is None:
        committed = commitment_of(commitment)
    elif commitment is None and log is not None and entry is not None:
        committed = _committed_in(log, entry, trusted(policy, vkey), opening)
    else:
        msg = "expected either --commitment, or --log with --entry and --policy or --vkey"
        raise InvalidInput(msg)
    verify_opening(committed, opening)
    say(f"salt and payload open commitment {committed}")


def _read_opening(file: Path) -> Opening:
    try:
        with file.open("rb") as content:
            unverified = content.read(LARGEST_OPENING_BYTES + 2)
        return decode_opening(unverified.removesuffix(b"\n"))
    except OSError as cause:
        msg = f"{file}: cannot be read ({cause.strerror})"
        raise InvalidInput(msg) from cause
    except UnreadableEntry as cause:
        msg = f"{file}: {cause}"
        raise InvalidInput(msg) from cause


def _committed_in(log: Path, index: int, policy: TrustPolicy, opening: Opening) -> str:
    """The commitment in an entry of an exported log, proven to be in it; the entry must be what the payload names."""
    encoded, _ = prove(log, index, policy)
    entry = decode_entry(index, encoded)
    committed, payload = entry.body.get("commitment"), opening.payload
    if not isinstance(committed, str):
        msg = f"entry {index}: carries no commitment"
        raise BrokenProof(msg)
    shared = payload.keys() & entry.body.keys()
    if payload.get("entry") != entry.kind or any(payload[name] != entry.body[name] for name in shared):
        msg = f"entry {index}: the opening is that of another entry"
        raise BrokenProof(msg)
    return committed


def commitment_of(text: str) -> str:
    """The commitment as an entry carries it.

    Raises:
        InvalidInput: not 64 hex digits in lowercase; what was given is not repeated.
    """
    if COMMITMENT.fullmatch(text) is None:
        msg = f"commitment: expected 64 hex digits in lowercase, got {len(text)} characters that are none"
        raise InvalidInput(msg)
    return text
