"""A home: everything one installation works with, opened together or not at all.

``initialise`` makes what is missing and never touches what exists; ``open_home`` refuses a home whose policies,
databases or keys are not ready, before anything is read.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, inspect, make_url, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from governance.attest.attester import Attester, attester_with
from governance.attest.signing import EnvelopeSigner
from governance.attest.tables import AttestationRecord
from governance.clock import Clock
from governance.consent.notices import publish_notice
from governance.database import create_engine_for, migrate, reading, require_current, transaction
from governance.errors import ConfigurationError
from governance.ledger.grants import grant
from governance.ledger.note import LedgerSigner, VerifierKey, decode_vkey
from governance.ledger.published import VKEY
from governance.pipeline.policies import record_policies
from governance.pipeline.signing_keys import (
    ATTEST,
    CERTIFICATE,
    LEDGER,
    SIGNING_KEYS,
    public_keys,
    retired_signer,
    settle,
)
from governance.policy.policies import Policies, load_policies
from governance.resources import migrations_dir
from governance.settings import Settings
from pseudonymisation.keyring import Keyring, create_keyring, load_keyring
from pseudonymisation.lake.store import Lake
from pseudonymisation.quarantine import Quarantine
from pseudonymisation.vault import database as vault_database
from pseudonymisation.vault.store import Vault

OPERATOR = "role:operator"
"""How the ledger names whoever works at the command line of a home."""

HOME_TABLE, ATTESTATION_TABLE = "ledger_entry", AttestationRecord.__tablename__
SIGNED_IN = {ATTEST: ATTESTATION_TABLE}
"""Where one sees that a key has signed; of the others, that the home is in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """An opened home. ``engine`` is the control plane's; the vault has its own.

    ``ledger_signers_retired`` sign checkpoints beside ``ledger_signer``; ``ledger_keys`` are all that ever did, newest
    first, for checking what was signed.
    """

    settings: Settings
    policies: Policies
    engine: Engine
    keyring: Keyring
    vault: Vault
    lake: Lake
    quarantine: Quarantine
    ledger_signer: LedgerSigner
    ledger_signers_retired: tuple[LedgerSigner, ...] = ()
    ledger_keys: tuple[VerifierKey, ...]
    certificate_signer: EnvelopeSigner
    attester: Attester
    clock: Clock

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction on the control database."""
        with transaction(self.engine) as session:
            yield session

    def folder(self, name: str) -> Path:
        """A folder of the home, made when it is missing."""
        folder = self.settings.folder(name)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder


def initialise(settings: Settings, *, clock: Clock) -> Home:
    """Make what a home needs: folders, keys, both databases at their newest schema, the notice, the policies on record.

    Running it again upgrades the databases; keys are never replaced, and a home in use that lacks one is refused.

    Raises:
        PolicyError: a policy cannot be used; nothing was made.
        ConfigurationError: a folder cannot be made or a database not be reached.
    """
    policies = load_policies(settings.policies_folder)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("identity", "control", "keys", "ledger"):
        settings.folder(name).mkdir(mode=0o700, exist_ok=True)
    _create_keys(settings)
    migrate(settings.control_owner_url, migrations_dir("control"))
    _grant_application(settings)
    vault_database.vault_migrate(settings.vault_url, migrations_dir("vault"))
    home = open_home(settings, clock=clock)
    with home.transaction() as session:
        publish_notice(session, policies.purposes.value.notice, actor=OPERATOR, clock=clock)
    return home


def open_home(settings: Settings, *, clock: Clock) -> Home:
    """Open a home that was initialised.

    Raises:
        PolicyError, ConfigurationError, StaleDatabase: what is not ready, and what to do.
        KeyringError: the identity plane's keys are missing or readable by others.
    """
    policies = load_policies(settings.policies_folder)
    if not settings.folder("identity").is_dir():
        msg = f"{settings.home} is not a home yet: run `probity init --home {settings.home}`"
        raise ConfigurationError(msg)
    keyring = load_keyring(settings.folder("identity") / "keyring.json")
    engine = create_engine_for(settings.control_url)
    require_current(engine, migrations_dir("control"))
    keys = settings.folder("keys")
    settle(engine, keys)
    with transaction(engine) as session:
        # A changed policy is on record before anything is done under it.
        record_policies(session, policies, actor=OPERATOR, clock=clock)
        ledger_keys = tuple(decode_vkey(each.public) for each in public_keys(session, keys, LEDGER))
    retired = retired_signer(keys, LEDGER)
    vault_engine = vault_database.create_vault_engine(settings.vault_url)
    vault_database.require_current(vault_engine, migrations_dir("vault"))
    return Home(
        settings=settings,
        policies=policies,
        engine=engine,
        keyring=keyring,
        vault=Vault(vault_engine, keyring, clock),
        lake=Lake(settings.lake_root),
        quarantine=Quarantine(
            folder=settings.folder("identity") / "quarantine",
            rule=policies.minimisation.value.quarantine,
            keys=keyring.quarantine,
        ),
        ledger_signer=LEDGER.load(LEDGER.file(keys)),
        ledger_signers_retired=() if retired is None else (retired,),
        ledger_keys=ledger_keys,
        certificate_signer=CERTIFICATE.load(CERTIFICATE.file(keys)),
        attester=attester_with(ATTEST.load(ATTEST.file(keys)), settings.folder("attestations")),
        clock=clock,
    )


def _grant_application(settings: Settings) -> None:
    """Where the tables belong to a role apart, let the application's role use them."""
    if settings.control.owner_url is None:
        return
    owner = create_engine_for(settings.control_owner_url)
    try:
        with owner.begin() as connection:
            grant(connection, make_url(settings.control_url).username or "")
    finally:
        owner.dispose()


def _create_keys(settings: Settings) -> None:
    keyring, keys = settings.folder("identity") / "keyring.json", settings.folder("keys")
    # A new key beside old data would make every subject unknown, start another log, or leave what was signed without
    # its signer. A key that has signed nothing yet may be made, also in a home that is older than its kind.
    needed = [(keyring, HOME_TABLE), *((key.file(keys), SIGNED_IN.get(key, HOME_TABLE)) for key in SIGNING_KEYS)]
    used = _tables_in_use(settings)
    missing = [path for path, table in needed if not path.exists() and table in used]
    if missing:
        msg = f"{missing[0]} is missing from a home that is in use: restore it from your back-up"
        raise ConfigurationError(msg)
    if not keyring.exists():
        create_keyring(keyring)
    for key in SIGNING_KEYS:
        if not key.file(keys).exists():
            key.create(key.file(keys), settings.ledger.origin, secrets.token_bytes)


def _tables_in_use(settings: Settings) -> set[str]:
    """The log's table, if the control database has it or a log was published, and the attestations', if it has rows."""
    published = {HOME_TABLE} if (settings.folder("ledger") / VKEY).exists() else set()
    url = make_url(settings.control_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return published
    engine = create_engine_for(settings.control_url)
    try:
        return published | _filled(engine)
    except OperationalError as cause:
        # Not knowing whether there is data, no key may be made beside it.
        msg = f"the database {engine.url.render_as_string(hide_password=True)} cannot be reached"
        raise ConfigurationError(msg) from cause
    finally:
        engine.dispose()


def _filled(engine: Engine) -> set[str]:
    known = {table for table in (HOME_TABLE, ATTESTATION_TABLE) if inspect(engine).has_table(table)}
    if ATTESTATION_TABLE in known:
        with reading(engine) as session:
            if session.scalar(select(AttestationRecord.id).limit(1)) is None:
                known.remove(ATTESTATION_TABLE)
    return known
