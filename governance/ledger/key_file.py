"""The file of a private note key: the log's, and that of whoever attests."""

from collections.abc import Callable
from pathlib import Path

from governance.errors import ConfigurationError, InvalidInput
from governance.ledger.note import KEY_BYTES, LedgerSigner, decode_signer, encode_signer
from pseudonymisation.durable import write_atomically

OTHERS = 0o077
"""The bits of a file's mode that let others than its owner at it."""


def create_note_key(path: Path, name: str, draw: Callable[[int], bytes]) -> None:
    """A fresh key of this name from ``draw(32)``, which gives random bytes; readable by its owner only, and durable."""
    write_atomically(path, f"{encode_signer(LedgerSigner(name, draw(KEY_BYTES)))}\n".encode())


def load_note_key(path: Path, *, lost: str) -> LedgerSigner:
    """The key in a file, which has one spelling: the line that `create_note_key` wrote.

    Args:
        path: the file.
        lost: what to do where it is missing, for the message.

    Raises:
        ConfigurationError: it cannot be read, others may read it, or it holds no key; shows nothing of what it holds.
    """
    try:
        mode, text = path.stat().st_mode, path.read_bytes().decode("ascii", errors="replace")
    except OSError as cause:
        msg = f"{path} cannot be read ({cause.strerror}): {lost}"
        raise ConfigurationError(msg) from cause
    if mode & OTHERS:
        msg = f"{path} is readable by others, expected mode 0600: run `chmod 600` on it and ask who has read it"
        raise ConfigurationError(msg)
    try:
        return decode_signer(text.removesuffix("\n"))
    except InvalidInput:
        # No cause: it quotes what stands in the name's place, which in a damaged file can be the key.
        msg = f"{path}: expected one line with a private note key whose id follows from its name and key, got none"
        raise ConfigurationError(msg) from None
