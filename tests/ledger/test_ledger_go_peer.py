"""Go's packages `sumdb/note` and `sumdb/tlog` read what we sign and prove: a verifier that nobody here wrote."""

import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from governance.ledger.canonical import encode_base64
from governance.ledger.checkpoint import Checkpoint, sign_checkpoint
from governance.ledger.cosignature import WitnessSigner, cosign
from governance.ledger.merkle import consistency_path, inclusion_path, leaf_hash, root_of, subtree_of
from governance.ledger.note import LedgerSigner, add_signatures, decode_note, encode_vkey

SIGNER = LedgerSigner("probity.example/ledger", bytes(range(32)))
NEW_KEY = LedgerSigner("probity.example/ledger", bytes(range(50, 82)))
WITNESS = WitnessSigner("witness.example/w1", bytes(range(1, 33)))
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
ENTRIES = [b'{"entry":%d}' % number for number in range(300)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
GO_PATH = Path("/usr/share/gocode")
PEER = Path(__file__).parent / "peers" / "check.go"

pytestmark = [
    pytest.mark.go,
    pytest.mark.skipif(
        shutil.which("go") is None or not (GO_PATH / "src/golang.org/x/mod/sumdb/tlog").is_dir(),
        reason="needs Go and its module packages (apt install golang-go golang-golang-x-mod-dev)",
    ),
]

Verdict = Callable[[Path, str], str]


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    folder = tmp_path_factory.mktemp("go")
    env = {**os.environ, "GO111MODULE": "off", "GOPATH": str(GO_PATH), "GOCACHE": str(folder / "cache"), "GOFLAGS": ""}
    subprocess.run(["go", "build", "-o", folder / "check", PEER], env=env, check=True, timeout=120)

    def run(case: Path, vkey: str) -> str:
        done = subprocess.run(
            [folder / "check", vkey, case], capture_output=True, text=True, check=False, timeout=10, env=env
        )
        return done.stdout.strip() or done.stderr.strip()

    return run


def write_case(folder: Path, *, index: int, old: int, new: int, signers: tuple[LedgerSigner, ...] = (SIGNER,)) -> Path:
    for name, size in (("old", old), ("new", new)):
        note = sign_checkpoint(Checkpoint(SIGNER.name, size, root_of(LEAVES[:size])), *signers)
        line = cosign(decode_note(note).text, NOON, WITNESS)
        (folder / name).write_bytes(add_signatures(note, [line]))
    (folder / "entry").write_bytes(ENTRIES[index])
    (folder / "index").write_text(str(index))
    record = inclusion_path(index, new, subtree_of(LEAVES))
    tree = consistency_path(old, new, subtree_of(LEAVES))
    (folder / "record.proof").write_text("\n".join(map(encode_base64, record)))
    (folder / "tree.proof").write_text("\n".join(map(encode_base64, tree)))
    return folder


@pytest.mark.parametrize(
    ("index", "old", "new"), [(0, 1, 2), (0, 1, 300), (255, 256, 257), (256, 255, 300), (299, 300, 300), (6, 7, 8)]
)
def test_go_accepts_our_checkpoints_and_proofs(
    tmp_path: Path, verdict: Verdict, index: int, old: int, new: int
) -> None:
    case = write_case(tmp_path, index=index, old=old, new=new)

    assert verdict(case, encode_vkey(SIGNER.verifier_key)) == "ok"


@pytest.mark.parametrize("signer", [SIGNER, NEW_KEY], ids=["old key", "new key"])
def test_go_reads_a_note_of_two_log_keys_with_either(tmp_path: Path, verdict: Verdict, signer: LedgerSigner) -> None:
    case = write_case(tmp_path, index=3, old=4, new=9, signers=(SIGNER, NEW_KEY))

    assert verdict(case, encode_vkey(signer.verifier_key)) == "ok"


@pytest.mark.parametrize(
    ("file", "other", "complaint"),
    [
        ("entry", b"{}", "record proof: invalid transparency proof"),
        ("index", b"11", "record proof: invalid transparency proof"),
        ("tree.proof", b"", "tree proof: invalid transparency proof"),
        ("new", b"", "new: malformed note"),
    ],
)
def test_go_refuses_what_was_changed(tmp_path: Path, verdict: Verdict, file: str, other: bytes, complaint: str) -> None:
    case = write_case(tmp_path, index=10, old=7, new=200)
    (case / file).write_bytes(other)

    assert verdict(case, encode_vkey(SIGNER.verifier_key)) == complaint
