"""Audits' figures that were released under differential privacy, in a pack: the documents that the log names."""

import json
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zipfile import ZipFile

import pytest

from governance.database import transaction
from governance.errors import BrokenProof
from governance.evidence.layout import MANIFEST, create_archive, decode_manifest, encode_manifest, store
from governance.evidence.period import Period
from governance.evidence.verification import verify_pack
from governance.ledger.store import append
from governance.ledger.trust_policy import trusting
from governance.registry.events import AuditReleased
from governance.registry.reports import released_path
from tests.governance.story import SIGNER

if TYPE_CHECKING:
    from conftest import Filled

POLICY = trusting(SIGNER.verifier_key)
THIRD_DAY = Period(date(2026, 11, 25), date(2026, 11, 25))


def released(filled: "Filled", *, of: str | None = None, epsilon: str = "1.0") -> Path:
    """A release of the story's plain model's audit; what the document says of itself may differ. Where it lies."""
    model = str(filled.things["plain"])
    told: dict[str, Any] = {
        "sections": [{"facts": [["Model", of or model], ["Day", "2026-11-25"]]}],
        "terms": [["rule", "differential privacy"], ["epsilon", epsilon], ["delta", "1e-06"]],
    }
    content = json.dumps(told).encode()
    digest = sha256(content).hexdigest()
    path = filled.home / released_path(digest)
    path.write_bytes(content)
    event = AuditReleased(
        model=model, release=digest, reservation=str(UUID(int=5)), guarantee={"epsilon": 1.0, "delta": 1e-6}
    )
    with transaction(filled.engine) as session:
        append(session, event, actor="role:operator", entry_id=UUID(int=6), clock=filled.clock)
    filled.tokens(4)
    filled.publish()
    return path


def test_the_document_is_in_the_pack_byte_for_byte(filled: "Filled", tmp_path: Path) -> None:
    path = released(filled)

    pack = filled.pack(tmp_path / "pack.zip", THIRD_DAY)

    assert pack.missing == ()
    assert verify_pack(tmp_path / "pack.zip", POLICY).counts["released"] == 1
    with ZipFile(tmp_path / "pack.zip") as archive:
        assert archive.read(f"released/{path.name.split('.')[0]}.json") == path.read_bytes()


@pytest.mark.parametrize("gone", [True, False])
def test_a_document_that_is_lost_or_changed_is_left_out_and_said_so(
    filled: "Filled", tmp_path: Path, *, gone: bool
) -> None:
    path = released(filled)
    path.unlink() if gone else path.write_bytes(b"{}")

    (missing,) = filled.pack(tmp_path / "pack.zip", THIRD_DAY).missing

    assert (missing.what, missing.name) == ("audit release", path.name.split(".")[0])
    assert missing.reason == ("it cannot be read" if gone else "what is kept is not what the log names")
    assert len(verify_pack(tmp_path / "pack.zip", POLICY).missing) == 1


@pytest.mark.parametrize(
    ("said", "fault"),
    [({"of": str(UUID(int=9))}, "it is about another model"), ({"epsilon": "0.5"}, "epsilon is not what entry")],
)
def test_a_document_that_says_otherwise_than_the_log_is_found(
    filled: "Filled", tmp_path: Path, said: dict[str, str], fault: str
) -> None:
    released(filled, **said)
    filled.pack(tmp_path / "pack.zip", THIRD_DAY)

    with pytest.raises(BrokenProof, match=fault):
        verify_pack(tmp_path / "pack.zip", POLICY)


def test_a_pack_of_before_there_were_such_documents_verifies_and_is_told_to_lack_it(
    filled: "Filled", tmp_path: Path
) -> None:
    path = released(filled)
    filled.pack(tmp_path / "pack.zip", THIRD_DAY)
    with ZipFile(tmp_path / "pack.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist() if not name.startswith("released/")}
    manifest = decode_manifest(members.pop(MANIFEST))
    files = {name: {"sha256": sha256(found).hexdigest(), "bytes": len(found)} for name, found in members.items()}
    with (tmp_path / "old.zip").open("wb") as file, create_archive(file) as archive:
        for member, found in {**members, MANIFEST: encode_manifest({**manifest, "files": files})}.items():
            store(archive, member, found)

    digest = path.name.split(".")[0]
    assert verify_pack(tmp_path / "old.zip", POLICY).missing == (f"audit release {digest}: the pack does not have it",)
