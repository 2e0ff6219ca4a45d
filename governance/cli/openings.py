"""`probity ledger kinds`, `open` and `check-opening`: what entries say, and whom one is about, for a reviewer."""

import re
from pathlib import Path
from typing import Annotated, get_args
from uuid import uuid4

import typer

from governance.cli.context import HomeOption, JsonOption, acting, opened
from governance.cli.display import listing, say, stdout
from governance.errors import BrokenProof, InvalidInput, UnreadableEntry
from governance.events import KINDS
from governance.ledger.entry import decode_entry
from governance.ledger.note import decode_vkey
from governance.ledger.opening import LARGEST_OPENING_BYTES, Opening, decode_opening, encode_opening, verify_opening
from governance.ledger.published import prove
from governance.pipeline.desk import Desk
from governance.rights.openings import OpeningGround, open_commitment
from governance.settings import DEFAULT_HOME

COMMITMENT = re.compile(r"[0-9a-f]{64}")


def add_to(ledger: typer.Typer) -> None:
    """Add the commands to the ledger's."""
    ledger.command("kinds")(kinds)
    ledger.command("open")(open_entry)
    ledger.command("check-opening")(check_opening)


def kinds(*, as_json: JsonOption = False) -> None:
    """Every kind of entry: what it records, and who answers for it."""
    rows = [(each.name, each.version, each.records, each.accountable) for each in KINDS]
    listing("Kinds of entries", ("kind", "version", "records", "accountable"), rows, as_json=as_json)


def open_entry(
    commitment: Annotated[str, typer.Argument(help="As the entry carries it: 64 hex digits.")],
    ground: Annotated[str, typer.Option(help=", ".join(get_args(OpeningGround)))],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show whom an entry is about, and log that it was shown. What is printed is personal data."""
    here, committed = opened(home), _commitment(commitment)
    with here.transaction() as session:
        opening = open_commitment(
            session,
            Desk(here),
            committed,
            ground,  # type: ignore[arg-type] # checked by `open_commitment`
            acting(here, session, "evidence:open"),
            entry_id=uuid4(),
            clock=here.clock,
        )
    say("that you looked is an entry now; anybody can check what follows with `probity ledger check-opening`:")
    stdout.print(encode_opening(opening).decode(), markup=False, soft_wrap=True)


def check_opening(
    file: Annotated[Path, typer.Argument(help="What `probity ledger open` printed.")],
    commitment: Annotated[str | None, typer.Option(help="The commitment, as you have it from an entry.")] = None,
    log: Annotated[Path | None, typer.Option(help="Or: an exported log, with --entry and --vkey.")] = None,
    entry: Annotated[int | None, typer.Option(min=0, help="The entry that carries the commitment.")] = None,
    vkey: Annotated[str | None, typer.Option(help="The log's public key, from a source other than the folder.")] = None,
) -> None:
    """Check, from files alone, that an opening is that of an entry: 0 it is, 1 it is not, 2 unreadable."""
    opening = _read_opening(file)
    if commitment is not None and log is None and entry is None:
        committed = _commitment(commitment)
    elif commitment is None and log is not None and entry is not None and vkey is not None:
        committed = _committed_in(log, entry, vkey, opening)
    else:
        msg = "expected either --commitment, or --log with --entry and --vkey"
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


def _committed_in(log: Path, index: int, vkey: str, opening: Opening) -> str:
    """The commitment in an entry of an exported log, proven to be in it; the entry must be what the payload names."""
    encoded, _ = prove(log, index, decode_vkey(vkey))
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


def _commitment(text: str) -> str:
    if COMMITMENT.fullmatch(text) is None:
        msg = f"commitment: expected 64 hex digits in lowercase, got {len(text)} characters that are none"
        raise InvalidInput(msg)
    return text
