"""`probity rights`: requests of data subjects, from receipt to package or certificate."""

import base64
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, get_args
from uuid import UUID, uuid4

import typer

from governance.access.principals import actor_of
from governance.cli.context import HomeOption, IdentifierOption, JsonOption, acting, opened, read_identifier
from governance.cli.display import listing, progress, say, stdout, table, write_json
from governance.errors import InvalidInput, NotFound
from governance.pipeline.desk import Desk
from governance.rights.certificate import Certificate, verify_certificate
from governance.rights.erasure import get_certificate
from governance.rights.requests import (
    ExtensionReason,
    Manner,
    acknowledge,
    approve,
    day_of,
    days_left,
    extend,
    get_request,
    list_requests,
    receive,
    refuse,
)
from governance.rights.work import Handover
from governance.settings import DEFAULT_HOME
from pseudonymisation.disclosure import JSON_NAME, PAGE_NAME, open_package
from pseudonymisation.durable import write_atomically

rights = typer.Typer(help="Requests of data subjects.", no_args_is_help=True)
RequestArgument = Annotated[UUID, typer.Argument(metavar="REQUEST")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(rights, name="rights")


@rights.command("submit")
def submit(
    right: Annotated[str, typer.Option(help="access or erasure")],
    regime: Annotated[str, typer.Option(help="gdpr or ccpa")] = "gdpr",
    by: IdentifierOption = "account_id",
    manner: Annotated[str, typer.Option(help="How the subject asked: " + ", ".join(get_args(Manner)))] = "account_page",
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Record a request; the identifier is read from standard input and goes no further than the vault."""
    here = opened(home)
    with here.transaction() as session:
        principal = acting(here, session, "requests:create")
    subject = Desk(here).resolve(by, read_identifier(by))
    if subject is None:
        msg = "no subject has this identifier"
        raise NotFound(msg)
    request_id = uuid4()
    with here.transaction() as session:
        request = receive(
            session,
            right,
            regime,
            subject,
            request_id=request_id,
            principal=principal,
            policy=here.policies.rights.value,
            clock=here.clock,
            manner=manner,  # type: ignore[arg-type] # checked by `receive`
            box_key=Desk(here).box_key(subject, request_id),
        )
    say(f"due on {request.due_on}:")
    stdout.print(str(request.id), markup=False)


@rights.command("list")
def list_all(home: HomeOption = DEFAULT_HOME, *, as_json: JsonOption = False) -> None:
    """Requests, the one due first first."""
    here = opened(home)
    with here.transaction() as session:
        today = day_of(here.clock())
        rows = [
            (str(each.id), each.right, each.regime, each.state, each.due_on.isoformat(), days_left(each, today))
            for each in list_requests(session)
        ]
    listing("Requests", ("request", "right", "regime", "state", "due on", "days left"), rows, as_json=as_json)


@rights.command("acknowledge")
def acknowledge_request(request: RequestArgument, home: HomeOption = DEFAULT_HOME) -> None:
    """Confirm the receipt of a request, before it is decided on (11 CCR §7021: within ten business days)."""
    here = opened(home)
    with here.transaction() as session:
        actor = actor_of(acting(here, session, "requests:decide"))
        acknowledge(session, get_request(session, request), actor=actor, clock=here.clock)
    say(f"the receipt of request {request} is confirmed")


@rights.command("extend")
def extend_request(
    request: RequestArgument,
    reason: Annotated[str, typer.Option(help=" or ".join(get_args(ExtensionReason)))],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Move a request's deadline, once. The subject must be told the reason on the same day."""
    here = opened(home)
    with here.transaction() as session:
        principal = acting(here, session, "requests:decide")
        found = extend(
            session,
            get_request(session, request),
            principal,
            reason,  # type: ignore[arg-type] # checked by `extend`
            policy=here.policies.rights.value,
            clock=here.clock,
        )
    say(f"request {request} is due on {found.due_on}: tell the subject today, with the reason")


@rights.command("approve")
def approve_request(request: RequestArgument, home: HomeOption = DEFAULT_HOME) -> None:
    """Acknowledge a request and let the work begin. Deletion is never approved by the one who recorded it."""
    here = opened(home)
    with here.transaction() as session:
        principal, found = acting(here, session, "requests:decide"), get_request(session, request)
        acknowledge(session, found, actor=actor_of(principal), clock=here.clock)
        approve(session, found, principal, policy=here.policies.rights.value, clock=here.clock)
    say(f"request {request} is approved")


@rights.command("refuse")
def refuse_request(
    request: RequestArgument,
    ground: Annotated[str, typer.Option(help="for example no_match or manifestly_unfounded")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Refuse a request on one of the grounds that the law knows."""
    here = opened(home)
    with here.transaction() as session:
        principal = acting(here, session, "requests:decide")
        refuse(session, get_request(session, request), principal, ground, clock=here.clock)  # type: ignore[arg-type] # checked by `refuse`
    say(f"request {request} is refused")


@rights.command("fulfil")
def fulfil(request: RequestArgument, home: HomeOption = DEFAULT_HOME) -> None:
    """Do what an approved request asks for; goes on where an earlier run stopped. What is handed over is shown once."""
    here = opened(home)
    with here.transaction() as session:
        actor = actor_of(acting(here, session, "requests:decide"))
    with progress("fulfilling") as step:
        handed = Desk(here).fulfil(request, actor=actor, progress=step)
    show_handover(handed)


def show_handover(handed: Handover) -> None:
    """Print where the package lies and its key, or the certificate."""
    if handed.package is not None and handed.key is not None:
        say(f"package: {handed.package}")
        say("its key, shown once and kept nowhere:")
        stdout.print(encode_key(handed.key), markup=False, soft_wrap=True)
    elif handed.certificate is not None:
        stdout.print(handed.certificate.decode(), markup=False, soft_wrap=True)
    else:
        say("nothing is left to hand over: the request was fulfilled before")


@rights.command("open")
def open_sealed(
    package: Annotated[Path, typer.Argument(help="A sealed access package.")],
    to: Annotated[Path, typer.Option(help="A folder for what is in it.")],
) -> None:
    """Open an access package with its key, which is read from standard input. This is the subject's side."""
    unpack(package, decode_key(read_identifier("key")), to)
    say(f"{to}")


def unpack(package: Path, key: bytes, to: Path) -> list[Path]:
    """Write the two files of a sealed package into a folder, each readable by its owner only.

    Guarantees:
      - nothing but ``access.json`` and ``access.html`` is written, under whatever name a package brings more

    Raises:
        DisclosureError: another key, or a changed package.
        InvalidInput: one of the two is not in it; nothing was written.
    """
    found = open_package(package.read_bytes(), key)
    if missing := {JSON_NAME, PAGE_NAME} - set(found):
        msg = f"package: expected {JSON_NAME} and {PAGE_NAME} in it, got none named {' or '.join(sorted(missing))}"
        raise InvalidInput(msg)
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (JSON_NAME, PAGE_NAME):
        write_atomically(to / name, found[name], mode=0o600)
    return [to / JSON_NAME, to / PAGE_NAME]


@rights.command("certificate")
def certificate(request: RequestArgument, home: HomeOption = DEFAULT_HOME) -> None:
    """Print the signed certificate that closed an erasure."""
    with opened(home).transaction() as session:
        stdout.print(get_certificate(session, get_request(session, request)).decode(), markup=False, soft_wrap=True)


@rights.command("public-key")
def public_key(home: HomeOption = DEFAULT_HOME) -> None:
    """Print the public key that certificates are verified with."""
    stdout.print(encode_key(opened(home).certificate_signer.public_key), markup=False, soft_wrap=True)


@rights.command("verify-certificate")
def verify(
    file: Annotated[Path, typer.Argument(help="A certificate.")],
    key: Annotated[
        list[str],
        typer.Option(help="A public key of the controller (`probity rights public-key`); again for one before it."),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Verify a certificate from the file and the public key alone, and print what it says."""
    found = verify_certificate(file.read_bytes().removesuffix(b"\n"), *map(decode_key, key))
    if as_json:
        write_json(asdict(found))
    else:
        table("The certificate holds", ("", ""), certificate_rows(found))


def certificate_rows(found: Certificate) -> list[tuple[str, str]]:
    """What a certificate says, row by row."""
    stores = [
        (
            f"erased from {each.store}",
            (", ".join(f"{rows} {table}" for table, rows in each.found.items() if rows) or "nothing found")
            + f"; left: {each.left}",
        )
        for each in found.stores
    ]
    seen = [
        (
            f"model that had seen the subject: {each.kind}",
            f"{each.state}; memory bounded by epsilon {each.guarantee['epsilon']:g}, delta {each.guarantee['delta']:g}",
        )
        for each in found.models
    ]
    return [
        ("controller", found.controller),
        ("request", found.request),
        ("received on", found.received_on),
        ("erased on", found.erased_on),
        *stores,
        *seen,
        ("retrain by", found.retrain_by or "not needed: no model had seen the subject"),
    ]


def encode_key(key: bytes) -> str:
    """A key as text to copy: URL-safe base64."""
    return base64.urlsafe_b64encode(key).decode()


def decode_key(text: str) -> bytes:
    """The key that `encode_key` wrote.

    Raises:
        InvalidInput: not URL-safe base64 of 32 bytes; the text is not repeated.
    """
    try:
        key = base64.urlsafe_b64decode(text.strip())
    except ValueError:
        key = b""
    if encode_key(key) != text.strip() or len(key) != 32:  # noqa: PLR2004 - stated in the message
        msg = "key: expected 32 bytes in URL-safe base64, got other text"
        raise InvalidInput(msg)
    return key
