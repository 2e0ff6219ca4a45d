"""Packs made to harm whoever verifies them: refused, in words that harm no terminal, at no great cost."""

import io
import struct
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile, ZipInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.errors import BrokenProof, GovernanceError
from governance.evidence.layout import MANIFEST, create_archive, encode_manifest, store
from governance.evidence.verification import verify_pack
from governance.ledger.note import encode_vkey
from governance.ledger.trust_policy import trusting
from tests.governance.story import SIGNER
from tests.pipeline.conftest import Run, probity  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from conftest import Forge

POLICY = trusting(SIGNER.verifier_key)
ESCAPE = "\x1b[2J\x9b31mall holds"
DIGEST = "00" * 32


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """The trust policy of somebody who knows the log of `packed`."""
    (tmp_path / "trust").write_text(f"log {encode_vkey(SIGNER.verifier_key)}\nquorum none\n")
    return tmp_path / "trust"


def lacking(**changes: object) -> dict[str, object]:
    """What a manifest says of one missing thing, and something else about it."""
    return {"what": "policy", "name": DIGEST, "reason": "its text was not kept", **changes}


@pytest.mark.parametrize(
    "said",
    [
        lacking(what=[]), lacking(what={}), lacking(what="policies"), lacking(what=ESCAPE), lacking(what=None),
        lacking(name=[]), lacking(name=ESCAPE), lacking(name=""), lacking(name="../x"), lacking(name=7),
        lacking(name=DIGEST * 2), lacking(reason=[]), lacking(reason=None), lacking(more=""), {"what": "policy"},
        None, 7,
    ],
)  # fmt: skip
def test_a_missing_thing_of_no_known_form_is_refused(forge: "Forge", said: object) -> None:
    with pytest.raises(BrokenProof, match="expected the facts"):
        verify_pack(forge({}, missing=[said]), POLICY)


def test_a_number_of_bytes_that_is_no_number_is_refused(forge: "Forge") -> None:
    for said in ({"sha256": [], "bytes": 1}, {"sha256": DIGEST, "bytes": True}, {"sha256": DIGEST, "bytes": "1"}):
        with pytest.raises(BrokenProof, match="expected the facts"):
            verify_pack(forge({}, files={"README.md": said}), POLICY)


@pytest.mark.parametrize("method", [ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA])
def test_a_small_file_that_unpacks_to_a_large_one_is_not_unpacked(tmp_path: Path, method: int) -> None:
    with ZipFile(tmp_path / "bomb.zip", "w") as archive:
        archive.writestr(ZipInfo("README.md"), bytes(1 << 20), method)
        archive.writestr(ZipInfo(MANIFEST), bytes(1 << 20), method)

    with pytest.raises(BrokenProof, match=r"README\.md: the archive is not written as a pack is"):
        verify_pack(tmp_path / "bomb.zip", POLICY)


@pytest.mark.parametrize("method", [ZIP_BZIP2, ZIP_LZMA, 99])
def test_a_method_that_its_bytes_are_not_written_in_is_refused(packed: Path, tmp_path: Path, method: int) -> None:
    content = bytearray(packed.read_bytes())
    struct.pack_into("<H", content, content.rindex(b"PK\x01\x02") + 10, method)
    (tmp_path / "corrupt.zip").write_bytes(content)

    with pytest.raises(BrokenProof):
        verify_pack(tmp_path / "corrupt.zip", POLICY)


def test_many_names_for_the_same_bytes_are_refused_before_any_is_read(tmp_path: Path) -> None:
    file = io.BytesIO()
    with ZipFile(file, "w", ZIP_STORED) as archive:
        archive.writestr("README.md", bytes(100_000))
        first = archive.infolist()[0]
        for number in range(50):
            again = ZipInfo(f"reports/{number:064x}.json")
            again.header_offset, again.CRC = first.header_offset, first.CRC
            again.file_size = again.compress_size = first.file_size
            archive.filelist.append(again)
    (tmp_path / "quoted.zip").write_bytes(file.getvalue())

    with pytest.raises(BrokenProof, match="the archive is not written as a pack is"):
        verify_pack(tmp_path / "quoted.zip", POLICY)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of two members, small enough to be changed everywhere."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.zip"
    with path.open("wb") as file, create_archive(file) as archive:
        store(archive, "README.md", b"x")
        store(archive, MANIFEST, encode_manifest({"missing": []}))
    return path


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.integers(0, 400), st.integers(0, 255), max_size=6))
def test_an_archive_changed_anywhere_is_refused_and_never_crashes(tiny: Path, changes: dict[int, int]) -> None:
    content = bytearray(tiny.read_bytes())
    for place, value in changes.items():
        content[place % len(content)] = value
    other = tiny.with_name("other.zip")
    other.write_bytes(content)

    with pytest.raises(GovernanceError):
        verify_pack(other, POLICY)


def test_no_escape_sequence_of_a_pack_reaches_the_terminal(
    forge: "Forge",
    trust: Path,
    probity: Run,  # noqa: F811
) -> None:
    for facts in (
        {"missing": [lacking(reason=ESCAPE)]},
        {"log": ESCAPE},
        {"files": {ESCAPE: {}}},
        {"first_day": ESCAPE},
    ):
        for flags in ((), ("--json",)):
            said = probity("evidence", "verify", forge({}, **facts), "--policy", trust, *flags)
            assert said.code in {1, 3}
            assert not {"\x1b", "\x9b"} & {*said.out, *said.err}


def test_a_pack_that_lacks_something_is_not_passed_over_in_silence(
    packed: Path,
    forge: "Forge",
    trust: Path,
    probity: Run,  # noqa: F811
) -> None:
    with ZipFile(packed) as archive:
        gone = next(name for name in archive.namelist() if name.startswith("decisions/"))
    stripped = forge({gone: None}, missing=[lacking(what="decision", name=gone[10:46], reason="it is not stored")])

    silent = probity("evidence", "verify", stripped, "--policy", trust, "--json")
    allowed = probity("evidence", "verify", stripped, "--policy", trust, "--allow-missing")
    whole = probity("evidence", "verify", packed, "--policy", trust)

    assert (silent.code, allowed.code, whole.code) == (3, 0, 0)
    assert f"not in the pack: decision {gone[10:46]}: it is not stored" in silent.err
