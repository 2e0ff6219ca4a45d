"""Builders for gateway tests: raw lines as a sender writes them, a context with real keys and a real vault."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from governance.policy.loader import load
from governance.resources import migrations_dir, policies_dir
from pseudonymisation.gateway.batch import BatchSummary, ConsentBatch, Gateway
from pseudonymisation.identifiers import Identity
from pseudonymisation.kernel import GatewayContext
from pseudonymisation.keyring import EventIdKey, Keyring, generate_keyring
from pseudonymisation.lake import Lake
from pseudonymisation.minimisation import MinimisationPolicy
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.quarantine import Quarantine
from pseudonymisation.vault import Vault, create_vault_engine, vault_migrate
from pseudonymisation.vocabulary import vocabulary_of

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PURPOSES = frozenset({"personalised_recommendations", "model_training", "partner_sharing"})
Line = Callable[..., bytes]
Anything = Any


@pytest.fixture
def event() -> Line:
    """A rating by anna, as bytes; keyword arguments replace or, when None, remove fields."""

    def build(**changes: Anything) -> bytes:
        plain: dict[str, Any] = {
            "event_id": "e-1",
            "kind": "rating",
            "at": "2026-02-01T10:11:12Z",
            "subject": {"account_id": "anna"},
            "item": "m1",
            "stars": 4.5,
        }
        if changes.get("kind", "rating") != "rating":
            del plain["item"], plain["stars"]
        record = {name: value for name, value in (plain | changes).items() if value is not None}
        return json.dumps(record, ensure_ascii=False).encode()

    return build


@dataclass
class Consents:
    """A consent store in memory: everybody allows everything but what ``refused`` names."""

    refused: set[tuple[Pseudonym, str]] = field(default_factory=set)
    nobody: set[str] = field(default_factory=set)

    def allowed(self, purpose: str, subjects: Sequence[Pseudonym]) -> list[bool]:
        return [purpose not in self.nobody and (subject, purpose) not in self.refused for subject in subjects]


@dataclass
class Records:
    """A sink in memory, which also knows what it was told."""

    batches: list[BatchSummary] = field(default_factory=list)
    consents: list[ConsentBatch] = field(default_factory=list)

    @property
    def decisions(self) -> list[pa.Table]:
        return [batch.decisions for batch in self.consents if batch.decisions.num_rows]

    def accepted(self, summary: BatchSummary) -> None:
        self.batches.append(summary)

    def decided(self, batch: ConsentBatch) -> None:
        self.consents.append(batch)

    def known(self, batch: str) -> bool:
        return batch in {each.batch for each in (*self.batches, *self.consents)}


class MemoryVault:
    """An enroller without a database, for property tests: equal identities get equal pseudonyms, per domain others."""

    def __init__(self) -> None:
        self.known: dict[Identity, int] = {}

    def enrol(self, identities: Sequence[Identity], *, domains: Sequence[str]) -> list[dict[str, Pseudonym]]:
        numbers = [self.known.setdefault(identity, len(self.known)) for identity in identities]
        return [
            {domain: Pseudonym(f"{place:04x}{number:028x}") for place, domain in enumerate(domains)}
            for number in numbers
        ]


@pytest.fixture(scope="session")
def policy() -> MinimisationPolicy:
    """The policy that Probity ships."""
    return load(policies_dir() / "minimisation.yaml", MinimisationPolicy).value


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    return generate_keyring()


@pytest.fixture
def consents() -> Consents:
    return Consents()


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture(scope="session")
def context_refusing(policy: MinimisationPolicy) -> Callable[[set[str]], GatewayContext]:
    """Contexts in which nobody allows the given purposes, each with an empty vault."""
    return lambda refused: _context(policy, Consents(nobody=refused))


@pytest.fixture
def memory_context(policy: MinimisationPolicy, consents: Consents) -> GatewayContext:
    """A catalogue of two films, and a vault without a database."""
    return _context(policy, consents)


def _context(policy: MinimisationPolicy, consents: Consents) -> GatewayContext:
    items = pa.table({"item": ["m1", "m2"], "title": ["The Quiet Harbour", "2001: A Space Odyssey"]})
    categories = pa.table({"category": ["drama", "cast:Ines Vidal", "science_fiction"]})
    return GatewayContext(
        vault=MemoryVault(),
        event_id_key=EventIdKey(1, bytes(range(32))),
        consents=consents,
        policy=policy,
        items=frozenset({"m1", "m2"}),
        vocabulary=vocabulary_of(items, categories),
        purposes=PURPOSES,
        notices=frozenset({"v1"}),
        gpc_refuses=frozenset({"partner_sharing"}),
        clock=lambda: NOON,
    )


@pytest.fixture
def vault(tmp_path: Path, keyring: Keyring) -> Vault:
    (tmp_path / "identity").mkdir(mode=0o700)
    url = f"sqlite:///{tmp_path}/identity/vault.db"
    vault_migrate(url, migrations_dir("vault"))
    return Vault(create_vault_engine(url), keyring, lambda: NOON)


@pytest.fixture
def gateway(
    tmp_path: Path, memory_context: GatewayContext, vault: Vault, keyring: Keyring, records: Records
) -> Gateway:
    """The whole gateway on a folder: real vault, real lake, sealed quarantine."""
    return Gateway(
        context=replace(memory_context, vault=vault, event_id_key=keyring.event_id.current),
        lake=Lake(str(tmp_path / "lake")),
        quarantine=Quarantine(folder=tmp_path / "identity" / "quarantine", rule="encrypt", keys=keyring.quarantine),
        known=records.known,
    )
