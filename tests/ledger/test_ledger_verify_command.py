"""`probity ledger verify`, `prove` and `verify-proof` as an auditor runs them: what is printed, and the exit code."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from governance.cli.main import main
from governance.ledger.checkpoint import decode_checkpoint
from governance.ledger.cosignature import WitnessSigner, cosign
from governance.ledger.note import LedgerSigner, add_signatures, decode_note, encode_vkey
from governance.ledger.proof import encode_proof
from governance.ledger.proving import prove
from governance.ledger.trust_policy import trusting

SIGNER = LedgerSigner("probity.example/ledger", bytes(range(32)))
VKEY = encode_vkey(SIGNER.verifier_key)
OTHER = encode_vkey(LedgerSigner(SIGNER.name, bytes(32)).verifier_key)
WITNESS = WitnessSigner("auditor.example", bytes(range(1, 33)))
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def probity(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line inside this process, as a shell would get it."""

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["probity", "ledger", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "trusted"
    path.write_text(f"# from the contract\nlog {VKEY}\nquorum none\n")
    return path


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    return shutil.copytree(exported, tmp_path / "copy")


def test_a_log_that_holds_exits_0_and_says_what_was_checked(probity: Run, exported: Path, policy: Path) -> None:
    ran = probity("verify", exported, "--policy", policy, "--json")

    assert ran.code == 0
    assert json.loads(ran.out) == {
        "log": "probity.example/ledger",
        "size": 600,
        "root": decode_checkpoint(decode_note((exported / "checkpoint").read_bytes()).text).root.hex(),
        "signed_by": VKEY,
        "witnesses": [],
        "quorum": "none",
        "older": [0, 3, 300],
        "first_at": "2026-03-14T12:00:00+00:00",
        "last_at": "2026-03-14T12:00:00+00:00",
        "kinds": {"model.trained": 600},
        "unsigned": [],
        "beside": ["README.md"],
    }


def test_the_table_reads_as_sentences(probity: Run, exported: Path) -> None:
    ran = probity("verify", exported, "--vkey", VKEY, "--old", exported / "checkpoints/3")

    assert ran.code == 0
    for words in ("The log holds", "probity.example/ledger", "600", "0, 3, 300", "600 model.trained", "README.md"):
        assert words in ran.out


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("checkpoint", "probity: checkpoint"),
        ("checkpoints/3", "checkpoints/3"),
        ("tile/entries/001", "entry 511 in tile/entries/001"),
        ("tile/0/000", "entry 255 in tile/entries/000"),
        ("tile/1/000.p/2", "tile/1/000.p/2: hash 1"),
        ("log.vkey", "log.vkey"),
        ("policy", "policy"),
    ],
)
def test_a_log_that_does_not_hold_exits_1_and_names_the_place(
    probity: Run, copy: Path, policy: Path, name: str, named: str
) -> None:
    content = bytearray((copy / name).read_bytes())
    content[-2] ^= 1
    (copy / name).write_bytes(bytes(content))

    ran = probity("verify", copy, "--policy", policy)

    assert (ran.code, ran.out) == (1, "")
    assert named in ran.err
    assert len(ran.err.splitlines()) == 1


def test_an_empty_folder_holds_no_log(probity: Run, tmp_path: Path) -> None:
    assert probity("verify", tmp_path, "--vkey", VKEY).code == 1


def test_the_key_of_another_log_exits_1(probity: Run, exported: Path) -> None:
    ran = probity("verify", exported, "--vkey", OTHER)

    assert ran.code == 1
    assert "checkpoint: expected a signature of probity.example/ledger" in ran.err


def test_wrong_use_exits_2(probity: Run, exported: Path, policy: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("log\n")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    for arguments in (
        ["verify"],
        ["verify", exported],
        ["verify", exported, "--vkey", VKEY, "--policy", policy],
        ["verify", exported, "--vkey", "probity"],
        ["verify", exported, "--policy", tmp_path / "missing"],
        ["verify", exported, "--policy", tmp_path],
        ["verify", exported, "--policy", tmp_path / "broken"],
        ["verify", exported, "--policy", tmp_path / "binary"],
        ["verify", tmp_path / "missing", "--policy", policy],
        ["verify", exported / "checkpoint", "--policy", policy],
        ["verify", exported, "--policy", policy, "--old", tmp_path / "missing"],
        ["verify", exported, "--policy", policy, "--faster"],
        ["verify-proof", policy, "--policy", policy],
        ["verify-proof", tmp_path / "missing", "--entry", policy, "--policy", policy],
        ["verify-proof", policy, "--entry", policy],
    ):
        ran = probity(*arguments)

        assert (ran.code, ran.out) == (2, ""), arguments


def test_the_unreadable_line_of_a_policy_is_named(probity: Run, exported: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").write_text(f"log {VKEY}\nquorum auditors\n")

    assert "trust policy line 2" in probity("verify", exported, "--policy", tmp_path / "broken").err


def test_an_old_checkpoint_that_is_not_the_beginning_exits_1(probity: Run, copy: Path, policy: Path) -> None:
    (copy / "kept").write_bytes(b"never signed\n")

    ran = probity("verify", copy, "--policy", policy, "--old", copy / "kept")

    assert ran.code == 1
    assert "the old checkpoint" in ran.err


def test_a_quorum_is_asked_for_and_its_witnesses_are_shown(probity: Run, copy: Path, tmp_path: Path) -> None:
    witness = encode_vkey(WITNESS.witness_key)
    policy = tmp_path / "witnessed"
    policy.write_text(f"log {VKEY}\nwitness auditor {witness}\ngroup seen any auditor\nquorum seen\n")

    alone = probity("verify", copy, "--policy", policy)
    note = (copy / "checkpoint").read_bytes()
    (copy / "checkpoint").write_bytes(add_signatures(note, [cosign(decode_note(note).text, NOON, WITNESS)]))
    cosigned = probity("verify", copy, "--policy", policy, "--json")

    assert alone.code == 1
    assert "checkpoint: expected cosignatures for the quorum seen, found none" in alone.err
    found = json.loads(cosigned.out)
    assert found["quorum"] == "1 of (auditor)"
    assert found["witnesses"] == [{"name": "auditor", "cosigned_at": "2026-03-14T12:00:00+00:00"}]


@pytest.fixture
def proved(exported: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The proof of entry 300 and its bytes."""
    entry, proof = prove(exported, 300, trusting(SIGNER.verifier_key))
    (tmp_path / "300.tlog-proof").write_bytes(encode_proof(proof))
    (tmp_path / "300.json").write_bytes(entry)
    return tmp_path / "300.tlog-proof", tmp_path / "300.json"


def test_a_proof_and_its_entry_exit_0(probity: Run, proved: tuple[Path, Path], policy: Path) -> None:
    proof, entry = proved

    shown = json.loads(probity("verify-proof", proof, "--entry", entry, "--policy", policy, "--json").out)

    assert (shown["entry"], shown["kind"], shown["size"], shown["signed_by"]) == (300, "model.trained", 600, VKEY)
    assert shown["body"] == {"epsilon": 1.5, "number": 300}
    assert probity("verify-proof", proof, "--entry", entry, "--vkey", VKEY).code == 0


def test_a_proof_of_other_bytes_exits_1(probity: Run, proved: tuple[Path, Path], policy: Path) -> None:
    proof, entry = proved
    for path, old, new in ((entry, b":300", b":301"), (proof, b"index 300", b"index 301"), (proof, b"\n\n", b"\n")):
        before = path.read_bytes()
        assert old in before
        path.write_bytes(before.replace(old, new, 1))

        assert probity("verify-proof", proof, "--entry", entry, "--policy", policy).code == 1
        path.write_bytes(before)
    assert probity("verify-proof", proof, "--entry", entry, "--vkey", OTHER).code == 1


HEAVY = {"sqlalchemy", "alembic", "pyarrow", "ibis", "deltalake", "pydantic_settings", "fastapi", "numpy", "torch"}


def test_the_verifier_loads_no_database_and_its_exit_code_reaches_the_shell(exported: Path) -> None:
    program = (
        "import sys; from governance.cli.main import main\n"
        "try: main()\n"
        f"finally: print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)\n"
    )
    for key, code in ((VKEY, 0), (OTHER, 1), ("none", 2)):
        done = subprocess.run(
            [sys.executable, "-c", program, "ledger", "verify", str(exported), "--vkey", key],
            capture_output=True,
            text=True,
            check=False,
        )

        assert (done.returncode, done.stderr.splitlines()[-1]) == (code, "[]")
