"""What an address may hold, wherever it asks about the ledger."""

from typing import Final

LARGEST_SEQ: Final = 2**53
"""The largest number that JSON's readers tell from its neighbours."""
NO_NUL: Final = r"^[^\x00]*$"
"""PostgreSQL has no text with a zero byte in it, and refuses to compare with one."""
