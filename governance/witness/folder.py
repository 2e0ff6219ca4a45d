"""A witness's folder: its key, the logs it trusts, and for each log the last checkpoint that it cosigned.

witness.key                       PRIVATE+KEY+<name>+<key id>+<base64(0x04 || seed)>, one line, mode 0600
logs                              a tlog-policy with a ``log`` line for each log, read at the start
<hex SHA-256(origin)>/checkpoint  the last cosigned checkpoint
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from governance.errors import ConfigurationError, Conflict, InvalidInput
from governance.ledger.cosignature import WitnessSigner, decode_witness_signer
from governance.ledger.durable_files import locked, replace
from governance.ledger.key_file import OTHERS
from governance.ledger.note import encode_signer
from governance.ledger.trust_policy import TrustPolicy, encode_policy, parse_policy
from pseudonymisation.durable import write_atomically

KEY_FILE = "witness.key"
LOGS_FILE = "logs"
CHECKPOINT = "checkpoint"
SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class WitnessFolder:
    """Where a witness keeps what it must not forget, its signer, and the logs that it cosigns."""

    path: Path
    signer: WitnessSigner
    logs: TrustPolicy


def create_folder(path: Path, name: str, logs: TrustPolicy, *, draw: Callable[[int], bytes]) -> WitnessFolder:
    """Make the folder of a new witness, with a key from ``draw(32)``, which gives random bytes.

    Raises:
        Conflict: the folder has a witness's key already; that one may have cosigned, so it is not replaced.
        InvalidInput: a key cannot have this name, or there is no log.
    """
    if not logs.logs:
        msg = "a witness needs a log to watch: expected the vkey of at least one"
        raise InvalidInput(msg)
    signer = WitnessSigner(name, draw(SEED_BYTES))
    with locked(path):
        if (path / KEY_FILE).exists():
            msg = f"{path / KEY_FILE} exists: a witness keeps its key for as long as it cosigns"
            raise Conflict(msg)
        replace(path, LOGS_FILE, encode_policy(logs).encode(errors="surrogateescape"))
        write_atomically(path / KEY_FILE, f"{encode_signer(signer)}\n".encode(), mode=0o600)
    return WitnessFolder(path, signer, logs)


def open_folder(path: Path) -> WitnessFolder:
    """The witness of a folder.

    Raises:
        ConfigurationError: there is none, its key can be read by others, or a file is not what it should be.
    """
    try:
        if (path / KEY_FILE).stat().st_mode & OTHERS:
            msg = f"{path / KEY_FILE} can be read by others: chmod 600 it, and think about who has read it"
            raise ConfigurationError(msg)
        key = (path / KEY_FILE).read_text(encoding="utf-8")
        logs = (path / LOGS_FILE).read_bytes()
    except (OSError, UnicodeDecodeError) as cause:
        msg = f"{path}: expected a witness's folder with {KEY_FILE} and {LOGS_FILE}; `probity witness init` makes one"
        raise ConfigurationError(msg) from cause
    try:
        signer = decode_witness_signer(key.removesuffix("\n"))
        policy = parse_policy(logs)
    except InvalidInput as cause:
        msg = f"{path}: {cause}"
        raise ConfigurationError(msg) from cause
    return WitnessFolder(path, signer, policy)
