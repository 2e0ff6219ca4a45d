"""Attacks on our own releases in a pack: the reports that the log names, or that they are missing."""

import json
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pytest

from governance.database import transaction
from governance.errors import BrokenProof
from governance.evidence.layout import MANIFEST, create_archive, decode_manifest, encode_manifest, store
from governance.evidence.period import Period
from governance.evidence.verification import verify_pack
from governance.ledger.trust_policy import trusting
from governance.registry.attacks import register_attack
from governance.registry.events import AttackRecorded
from governance.registry.models import get_model
from tests.governance.story import SIGNER

if TYPE_CHECKING:
    from conftest import Filled

POLICY = trusting(SIGNER.verifier_key)
THIRD_DAY = Period(date(2026, 11, 25), date(2026, 11, 25))


def attacked(
    filled: "Filled",
    *,
    logged: float = 1.25,
    reported: float = 1.25,
    low: float | None = None,
    refuted: bool = False,
    chance: float | None = None,
    undecided: bool = False,
    verdict: dict[str, bool] | None = None,
) -> Path:
    """The story's plain model after an attack; the log and the report say a bound each. Where the report lies.

    ``low`` is of an attacker on membership, to whom the guarantee allows 0.75; ``verdict`` is what
    the report says of itself.
    """
    figures = {"epsilon": 5.0, "delta": 1e-6, "lower_bound": reported, "confidence": 0.95, "canaries": 4000}
    figures |= {} if chance is None else {"chance": chance}
    with transaction(filled.engine) as session:
        model = get_model(session, filled.things["plain"])
        told: dict[str, Any] = {"model": str(model.id), "release": model.release, "privacy_attack": figures}
        told |= {"membership": [{"area": {"low": low}}], "largest_area_allowed": 0.75} | (verdict or {})
        content = json.dumps(told).encode()
        digest = sha256(content).hexdigest()
        path = f"reports/{digest}.attack.json"
        (filled.home / path).write_bytes(content)
        event = AttackRecorded(
            model=str(model.id),
            release=model.release,
            report=digest,
            epsilon=5.0,
            delta=1e-6,
            lower_bound=logged,
            confidence=0.95,
            canaries=4000,
            refuted=refuted,
            undecided=undecided,
        )
        register_attack(session, model, event, path=path, actor="role:operator", clock=filled.clock)
    filled.tokens(4)
    filled.publish()
    return filled.home / path


def test_the_report_of_an_attack_is_in_the_pack_byte_for_byte(filled: "Filled", tmp_path: Path) -> None:
    report = attacked(filled)

    pack = filled.pack(tmp_path / "pack.zip", THIRD_DAY)

    assert pack.missing == ()
    assert verify_pack(tmp_path / "pack.zip", POLICY).counts["attacks"] == 1
    with ZipFile(tmp_path / "pack.zip") as archive:
        assert archive.read(f"attacks/{report.name.split('.')[0]}.json") == report.read_bytes()


@pytest.mark.parametrize("gone", [True, False])
def test_a_report_that_is_lost_or_changed_is_left_out_and_said_so(
    filled: "Filled", tmp_path: Path, *, gone: bool
) -> None:
    report = attacked(filled)
    report.unlink() if gone else report.write_bytes(b"{}")

    pack = filled.pack(tmp_path / "pack.zip", THIRD_DAY)

    (missing,) = pack.missing
    assert (missing.what, missing.name) == ("attack", report.name.split(".")[0])
    assert missing.reason == ("the file cannot be read" if gone else "the file is not what was registered")
    assert len(verify_pack(tmp_path / "pack.zip", POLICY).missing) == 1


def test_a_report_that_says_otherwise_than_the_log_is_found(filled: "Filled", tmp_path: Path) -> None:
    attacked(filled, logged=1.25, reported=0.5)
    filled.pack(tmp_path / "pack.zip", THIRD_DAY)

    with pytest.raises(BrokenProof, match="lower_bound is not what entry"):
        verify_pack(tmp_path / "pack.zip", POLICY)


@pytest.mark.parametrize(
    ("attack", "holds"),
    [
        ({"low": 0.76, "refuted": True}, True),
        ({"low": 0.76, "refuted": False}, False),
        ({"low": 0.75, "refuted": False}, True),
        ({"low": 0.75, "refuted": True}, False),
        ({"logged": 5.5, "reported": 5.5, "refuted": True}, True),
        ({"logged": 5.5, "reported": 5.5, "refuted": False}, False),
        ({"chance": 0.9, "undecided": False}, True),
        ({"chance": 0.9, "undecided": True}, False),
        ({"chance": 0.5, "undecided": True}, True),
        ({"chance": 0.5, "undecided": False}, False),
    ],
)
def test_whether_an_attack_refuted_or_decided_nothing_is_worked_out_again(
    filled: "Filled", tmp_path: Path, attack: dict[str, Any], *, holds: bool
) -> None:
    attacked(filled, **attack)
    filled.pack(tmp_path / "pack.zip", THIRD_DAY)

    if holds:
        assert verify_pack(tmp_path / "pack.zip", POLICY).counts["attacks"] == 1
        return
    with pytest.raises(BrokenProof, match=r"says of (refuted|undecided)"):
        verify_pack(tmp_path / "pack.zip", POLICY)


def test_a_report_that_contradicts_its_own_figures_is_found(filled: "Filled", tmp_path: Path) -> None:
    attacked(filled, verdict={"refuted": True})
    filled.pack(tmp_path / "pack.zip", THIRD_DAY)

    with pytest.raises(BrokenProof, match="otherwise than its figures"):
        verify_pack(tmp_path / "pack.zip", POLICY)


@pytest.mark.parametrize(
    ("data", "fault"),
    [(None, "names the attack .* nor does it say so"), (b"{}", "do not give the digest that the log names")],
)
def test_a_report_that_was_taken_out_or_changed_is_found(
    filled: "Filled", tmp_path: Path, data: bytes | None, fault: str
) -> None:
    attacked(filled)
    filled.pack(tmp_path / "pack.zip", THIRD_DAY)
    with ZipFile(tmp_path / "pack.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (name,) = [each for each in members if each.startswith("attacks/")]
    manifest = decode_manifest(members.pop(MANIFEST))
    members.pop(name)
    if data is not None:
        members[name] = data
    files = {name: {"sha256": sha256(found).hexdigest(), "bytes": len(found)} for name, found in members.items()}
    with (tmp_path / "forged.zip").open("wb") as file, create_archive(file) as archive:
        for member, found in {**members, MANIFEST: encode_manifest({**manifest, "files": files})}.items():
            store(archive, member, found)

    with pytest.raises(BrokenProof, match=fault):
        verify_pack(tmp_path / "forged.zip", POLICY)
