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
PEERS = Path(__file__).parent / "peers"

pytestmark = [
    pytest.mark.go,
    pytest.mark.skipif(
        shutil.which("go") is None or not (GO_PATH / "src/golang.org/x/mod/sumdb/tlog").is_dir(),
        reason="needs Go and its module packages (apt install golang-go golang-golang-x-mod-dev)",
    ),
]

Peer = Callable[[Path, str], str]


@pytest.fixture(scope="module")
def build_peer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Peer]:
    """Builds a program of `peers`; calling it gives what it printed, or what it complained of."""
    folder = tmp_path_factory.mktemp("go")
    env = {**os.environ, "GO111MODULE": "off", "GOPATH": str(GO_PATH), "GOCACHE": str(folder / "cache"), "GOFLAGS": ""}

    def build(name: str) -> Peer:
        subprocess.run(["go", "build", "-o", folder / name, PEERS / f"{name}.go"], env=env, check=True, timeout=120)

        def run(case: Path, vkey: str) -> str:
            done = subprocess.run(
                [folder / name, vkey, case], capture_output=True, text=True, check=False, timeout=10, env=env
            )
            return done.stdout.strip() or done.stderr.strip()

        return run

    return build


@pytest.fixture(scope="module")
def verdict(build_peer: Callable[[str], Peer]) -> Peer:
    return build_peer("check")


@pytest.fixture(scope="module")
def walk(build_peer: Callable[[str], Peer]) -> Peer:
    return build_peer("walk")


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
def test_go_accepts_our_checkpoints_and_proofs(tmp_path: Path, verdict: Peer, index: int, old: int, new: int) -> None:
    case = write_case(tmp_path, index=index, old=old, new=new)

    assert verdict(case, encode_vkey(SIGNER.verifier_key)) == "ok"


@pytest.mark.parametrize("signer", [SIGNER, NEW_KEY], ids=["old key", "new key"])
def test_go_reads_a_note_of_two_log_keys_with_either(tmp_path: Path, verdict: Peer, signer: LedgerSigner) -> None:
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
def test_go_refuses_what_was_changed(tmp_path: Path, verdict: Peer, file: str, other: bytes, complaint: str) -> None:
    case = write_case(tmp_path, index=10, old=7, new=200)
    (case / file).write_bytes(other)

    assert verdict(case, encode_vkey(SIGNER.verifier_key)) == complaint


def test_go_walks_an_exported_log_to_every_entry(exported: Path, walk: Peer, signer: LedgerSigner) -> None:
    assert walk(exported, encode_vkey(signer.verifier_key)) == "ok 600 3"


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        ("tile/0/000", "checkpoints/3: invalid transparency proof"),
        ("tile/0/002.p/88", "downloaded inconsistent tile"),
        ("tile/1/000.p/2", "downloaded inconsistent tile"),
        ("tile/entries/001", "entry 256: not the one that was signed"),
        ("checkpoints/300", "checkpoints/300: "),
    ],
)
def test_go_finds_a_changed_byte_in_an_exported_log(
    exported: Path, walk: Peer, signer: LedgerSigner, tmp_path: Path, *, file: str, complaint: str
) -> None:
    case = Path(shutil.copytree(exported, tmp_path / "changed"))
    data = bytearray((case / file).read_bytes())
    data[10] ^= 1
    (case / file).write_bytes(data)

    assert complaint in walk(case, encode_vkey(signer.verifier_key))
