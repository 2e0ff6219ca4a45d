"""`probity attest`: what was attested, to hand out; and verifying it, which needs no home."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy.orm import Session

from governance.attest.attester import encode_attester
from governance.attest.bundle import encode_bundle
from governance.attest.events import AttestationMade
from governance.attest.registry import PREDICATES
from governance.attest.statement import require_sha256
from governance.attest.store import REASONS, list_attestations, read_envelope
from governance.attest.store import withdraw as withdraw_attestation
from governance.cli import attest_verify
from governance.cli.context import HomeOption, JsonOption, opened
from governance.cli.display import listing, say, stdout
from governance.errors import InvalidInput, NotFound
from governance.ledger.proof import encode_proof
from governance.ledger.proving import prove as prove_entry
from governance.ledger.search import Filter, search
from governance.ledger.trust_policy import trusting
from governance.registry.models import get_model
from governance.settings import DEFAULT_HOME

attest = typer.Typer(help="Signed statements about models, audits, decisions and erasures.", no_args_is_help=True)
SLUGS = {kind.predicate_type: kind.slug for kind in PREDICATES}
DigestArgument = Annotated[str, typer.Argument(help="An attestation's digest, as `probity attest list` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    attest.command("verify")(attest_verify.verify)
    app.add_typer(attest, name="attest")


@attest.command("list")
def list_all(
    home: HomeOption = DEFAULT_HOME,
    model: Annotated[UUID | None, typer.Option(help="Only what was attested about this model.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    *,
    as_json: JsonOption = False,
) -> None:
    """What was attested, newest first."""
    with opened(home).transaction() as session:
        subject = None if model is None else get_model(session, model).digest
        rows = [
            (
                SLUGS.get(each.predicate_type, each.predicate_type),
                each.about,
                each.made_on.date().isoformat(),
                each.ended or "in force",
                each.digest,
            )
            for each in list_attestations(session, subject, limit=limit)
        ]
    listing("Attestations", ("says", "about", "made on", "state", "digest"), rows, as_json=as_json)


@attest.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="The bundle to write, such as model.intoto.jsonl.")],
    model: Annotated[UUID | None, typer.Option(help="A model's id.")] = None,
    subject: Annotated[
        str | None, typer.Option(help="In place of a model: the SHA-256 of what is vouched for, such as a release.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Write what is in force about a model and its release, or about one thing, one a line; prints the digest."""
    if (model is None) == (subject is None):
        msg = "expected either --model or --subject, got " + ("neither" if model is None else "both")
        raise InvalidInput(msg)
    here = opened(home)
    with here.transaction() as session:
        things = _attested(session, model, subject)
        records = [
            record for digest in things for record in reversed(list_attestations(session, digest, in_force=True))
        ]
    if not records:
        msg = f"nothing is attested of {things[-1]}"
        raise NotFound(msg)
    file.write_bytes(encode_bundle([read_envelope(here.attester.folder, each.digest) for each in records]))
    say(f"{file}: {len(records)} attestations; the digest of what they vouch for is")
    stdout.print(things[-1], markup=False, soft_wrap=True)


def _attested(session: Session, model: UUID | None, subject: str | None) -> tuple[str, ...]:
    """Digests of what is vouched for: one thing, or a model after its release."""
    if subject is not None:
        require_sha256(subject, "--subject")
        return (subject,)
    if model is None:
        raise AssertionError
    found = get_model(session, model)
    return found.release, found.digest


@attest.command("key")
def key(
    home: HomeOption = DEFAULT_HOME,
    *,
    pem: Annotated[bool, typer.Option("--pem", help="Only the public key, as other tools read it.")] = False,
) -> None:
    """Print who attests here, with the public key: what others must know to accept the attestations."""
    attester = opened(home).attester
    shown = encode_attester(attester.verifier_key)
    if pem:
        public = Ed25519PublicKey.from_public_bytes(attester.signer.public_key)
        shown = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode().rstrip("\n")
    stdout.print(shown, markup=False, soft_wrap=True)


@attest.command("prove")
def prove(
    digest: DigestArgument,
    to: Annotated[Path, typer.Option(help="The proof's file.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Write the proof that an attestation is in the published log, with its entry (C2SP tlog-proof)."""
    here = opened(home)
    with here.transaction() as session:
        made = search(session, Filter(kinds=(AttestationMade.kind,), mentions=digest), limit=1)
    if not made:
        msg = f"no attestation {digest}"
        raise NotFound(msg)
    entry, proof = prove_entry(here.folder("ledger"), made[0].seq, trusting(*here.ledger_keys))
    to.write_bytes(encode_proof(replace(proof, extra=entry)))
    say(f"{to}: entry {made[0].seq}")


@attest.command("withdraw")
def withdraw(
    digest: DigestArgument,
    reason: Annotated[str, typer.Option(help=", ".join(REASONS))],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Say in the log that an attestation no longer stands. It needs the home itself, as the attesting did."""
    here = opened(home)
    with here.transaction() as session:
        withdraw_attestation(session, digest, reason=reason, clock=here.clock)
    say(f"{digest} is withdrawn; publish the log so that others learn of it")
