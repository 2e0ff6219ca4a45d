"""Files that entries name by digest, in a pack: a model's prices and their report, what was disclosed, notices."""

from collections.abc import Callable
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID
from zipfile import ZipFile

import pytest

from governance.database import transaction
from governance.errors import BrokenProof
from governance.evidence.period import Period
from governance.evidence.verification import verify_pack
from governance.ledger.store import append
from governance.ledger.trust_policy import trusting
from governance.registry.events import AuditDisclosed, ModelRegistered
from governance.registry.reports import disclosed_path
from tests.governance.story import SIGNER

if TYPE_CHECKING:
    from conftest import Filled, Forge

POLICY = trusting(SIGNER.verifier_key)
THIRD_DAY = Period(date(2026, 11, 25), date(2026, 11, 25))
PRICES, REPORT, PAGE = (f'{{"{name}": 1}}'.encode() for name in ("prices", "report", "page"))


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


@pytest.fixture
def priced(filled: "Filled") -> "Filled":
    """The third day: a model with a price file, and an audit that was disclosed."""
    model = str(filled.things["mitigated"])
    files = {f"prices/{model}.json": PRICES, f"prices/{model}.report.json": REPORT, disclosed_path(digest(PAGE)): PAGE}
    for place, content in files.items():
        (filled.home / place).parent.mkdir(exist_ok=True)
        (filled.home / place).write_bytes(content)
    with transaction(filled.engine) as session:
        registered = ModelRegistered(
            model=model,
            model_kind="ease",
            digest=digest(b"mitigated"),
            release="cd" * 32,
            parent=None,
            author=str(UUID(int=3)),
            prices=None,
            price_file=digest(PRICES),
            mitigation_report=digest(REPORT),
        )
        disclosed = AuditDisclosed(model=model, report="ab" * 32, document=digest(PAGE), at_least=20)
        for number, event in enumerate((registered, disclosed)):
            append(session, event, actor="role:operator", entry_id=UUID(int=60 + number), clock=filled.clock)
    filled.tokens(4)
    filled.publish()
    return filled


def test_prices_their_report_and_what_was_disclosed_are_in_the_pack_byte_for_byte(
    priced: "Filled", tmp_path: Path
) -> None:
    pack = priced.pack(tmp_path / "pack.zip", THIRD_DAY)

    assert pack.missing == ()
    with ZipFile(tmp_path / "pack.zip") as archive:
        assert archive.read(f"prices/{digest(PRICES)}.json") == PRICES
        assert archive.read(f"mitigations/{digest(REPORT)}.json") == REPORT
        assert archive.read(f"disclosed/{digest(PAGE)}.json") == PAGE


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize(
    ("place", "what", "content"),
    [
        (lambda model: f"prices/{model}.json", "price file", PRICES),
        (lambda model: f"prices/{model}.report.json", "mitigation report", REPORT),
        (lambda _: disclosed_path(digest(PAGE)), "disclosed audit", PAGE),
    ],
)
def test_one_that_was_changed_or_lost_is_left_out_and_said_to_be_missing(
    priced: "Filled", tmp_path: Path, place: Callable[[object], str], what: str, content: bytes, *, lost: bool
) -> None:
    path = priced.home / place(priced.things["mitigated"])
    path.unlink() if lost else path.write_bytes(b"{}")

    (missing,) = priced.pack(tmp_path / "pack.zip", THIRD_DAY).missing

    reason = "it cannot be read" if lost else "what is kept is not what the log names"
    assert (missing.what, missing.name, missing.reason) == (what, digest(content), reason)


def test_what_data_subjects_were_told_is_in_the_pack_of_the_day_it_was_published(packed: Path, forge: "Forge") -> None:
    with ZipFile(packed) as archive:
        (name,) = (each for each in archive.namelist() if each.startswith("notices/"))
        text = archive.read(name)

    assert name == f"notices/{digest(text)}.txt"
    with pytest.raises(BrokenProof, match="do not give the digest"):
        verify_pack(forge({name: text + b" "}), POLICY)
