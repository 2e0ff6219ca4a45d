"""`probity ledger verify` and `verify-proof`: what an auditor runs. They need no home, so they load no database."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from governance.cli.display import JsonOption, key_of, progress, table, write_json
from governance.ledger.entry import decode_entry
from governance.ledger.note import VerifierKey, decode_vkey, encode_vkey
from governance.ledger.proof import decode_proof, verify_proof
from governance.ledger.trust_policy import TrustPolicy, Witnessed, parse_policy, trusting
from governance.ledger.verify import Verification, quorum_in_words, verify_folder

MOST_NAMED = 10

PolicyOption = Annotated[
    Path | None,
    typer.Option(
        help="A trust policy (C2SP tlog-policy): log keys, witnesses, quorum. From a source other than the folder.",
        exists=True,
        dir_okay=False,
        readable=True,
    ),
]
VkeyOption = Annotated[
    str | None, typer.Option(help="Short for a policy of this one log key and no witness. Also from another source.")
]


def register(app: typer.Typer) -> None:
    """Add the commands alone, for who asked for one of them."""
    ledger = typer.Typer(help="The append-only log of every change to the pipeline.")
    add_to(ledger)
    app.add_typer(ledger, name="ledger")


def add_to(ledger: typer.Typer) -> None:
    """Add the commands to their group."""
    ledger.command("verify")(verify)
    ledger.command("verify-proof")(verify_one)


def verify(
    folder: Annotated[
        Path, typer.Argument(help="An exported or published log.", exists=True, file_okay=False, readable=True)
    ],
    policy: PolicyOption = None,
    vkey: VkeyOption = None,
    old: Annotated[
        Path | None, typer.Option(help="A checkpoint kept from earlier.", exists=True, dir_okay=False, readable=True)
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Verify a log from its files alone: every entry, tile, signature, and that it contains what it said before.

    Exit code 0: it holds. 1: it does not, and what does not is named. 2: the command was used wrongly.
    """
    believed = trusted(policy, vkey)
    kept = old.read_bytes() if old is not None else None
    with progress("verifying") as step:
        found = verify_folder(folder, believed, old_checkpoint=kept, progress=step)
    if as_json:
        write_json(_verification(found))
    else:
        table("The log holds", ("", ""), verification_rows(found))


def verify_one(
    proof: Annotated[Path, typer.Argument(help="A .tlog-proof file.", exists=True, dir_okay=False, readable=True)],
    entry: Annotated[Path, typer.Option(help="The entry's exact bytes.", exists=True, dir_okay=False, readable=True)],
    policy: PolicyOption = None,
    vkey: VkeyOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Verify that one entry is in the log, from its proof (C2SP tlog-proof) and its bytes alone.

    Exit code 0: it is. 1: the proof does not show it. 2: the command was used wrongly.
    """
    believed = trusted(policy, vkey)
    shown, content = decode_proof(proof.read_bytes()), entry.read_bytes()
    cosigned = verify_proof(shown, content, believed)
    proved = decode_entry(shown.index, content)
    facts: list[tuple[str, object]] = [
        ("entry", proved.seq),
        ("kind", proved.kind),
        ("at", proved.at.isoformat()),
        ("actor", proved.actor),
        ("id", str(proved.id)),
        ("leaf", proved.leaf.hex()),
        *_checkpoint_rows(cosigned.checkpoint.origin, cosigned.checkpoint.size, cosigned.checkpoint.root),
        *_trust_rows(cosigned.log, cosigned.witnesses, quorum_in_words(believed)),
    ]
    if as_json:
        shape = {key_of(name): value for name, value in facts}
        write_json({**shape, "body": proved.body, "witnesses": _witnesses(cosigned.witnesses)})
    else:
        table("The entry is in the log", ("", ""), facts)


def verification_rows(found: Verification) -> list[tuple[str, object]]:
    """What was verified, row by row."""
    first, last = found.span or (None, None)
    return [
        *_checkpoint_rows(found.origin, found.size, found.root),
        *_trust_rows(found.log, found.witnesses, found.quorum),
        ("older checkpoints it contains", _some([str(size) for size in found.older])),
        ("entries from", first and first.isoformat()),
        ("entries to", last and last.isoformat()),
        ("kinds", "\n".join(f"{count:,} {kind}" for kind, count in found.kinds.items()) or "none"),
        ("tiles beyond the signed size, not covered", _some(found.unsigned)),
        ("other files, not covered", _some(found.beside)),
    ]


def trusted(policy: Path | None, vkey: str | None) -> TrustPolicy:
    """Whose signatures to believe: a policy's, or one log key's."""
    if policy is not None and vkey is None:
        return parse_policy(policy.read_bytes())
    if vkey is not None and policy is None:
        return trusting(decode_vkey(vkey))
    msg = "expected either --policy or --vkey: it says whose signature to believe"
    raise typer.BadParameter(msg)


def _checkpoint_rows(origin: str, size: int, root: bytes) -> list[tuple[str, object]]:
    return [("log", origin), ("size", size), ("root", root.hex())]


def _trust_rows(log: VerifierKey, witnesses: Sequence[Witnessed], quorum: str) -> list[tuple[str, object]]:
    cosigned = "\n".join(f"{each.name} at {each.cosigned_at.isoformat()}" for each in witnesses)
    return [("signed by", encode_vkey(log)), ("witnesses", cosigned or "none"), ("quorum", quorum)]


def _verification(found: Verification) -> dict[str, object]:
    first, last = found.span or (None, None)
    return {
        "log": found.origin,
        "size": found.size,
        "root": found.root.hex(),
        "signed_by": encode_vkey(found.log),
        "witnesses": _witnesses(found.witnesses),
        "quorum": found.quorum,
        "older": found.older,
        "first_at": first and first.isoformat(),
        "last_at": last and last.isoformat(),
        "kinds": found.kinds,
        "unsigned": found.unsigned,
        "beside": found.beside,
    }


def _witnesses(witnesses: Sequence[Witnessed]) -> list[dict[str, str]]:
    return [{"name": each.name, "cosigned_at": each.cosigned_at.isoformat()} for each in witnesses]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return (", ".join(names[:MOST_NAMED]) + more) or "none"
