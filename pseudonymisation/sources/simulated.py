"""What published sets lack: consent records and times. Deterministic, and declared in each source's ``note``."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from pseudonymisation.sources.source import PURPOSES
from pseudonymisation.sources.wire import consent_line

REFUSED_PER_MILLE = 40
DECIDED_AT = datetime(1995, 1, 1, tzinfo=UTC)
"""Before the first rating of every published MovieLens set."""

NO_CONSENT_RECORDS = (
    "The publisher has no consent records: a grant of every purpose, dated 1995-01-01, is simulated for each subject, "
    f"with about {REFUSED_PER_MILLE / 10:g} % refusals chosen by a hash of subject and purpose."
)

_STRIDE = 7_368_787  # prime to every window below, so that consecutive lines land far apart and evenly


def is_refused(account: str, purpose: str) -> bool:
    """Whether the simulated subject refuses the purpose: a fixed property of the two names."""
    digest = hashlib.sha256(f"simulated consent|{len(account)}|{account}|{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 1000 < REFUSED_PER_MILLE


def simulated_consents(accounts: Iterable[str]) -> Iterator[bytes]:
    """One record per account and purpose. Account names must need no JSON escape."""
    for account in accounts:
        subject = f'{{"account_id":"{account}"}}'
        for purpose in PURPOSES:
            decision = "refuse" if is_refused(account, purpose) else "grant"
            yield consent_line(subject, purpose, decision, DECIDED_AT, "import")


def synthetic_seconds(lines: npt.NDArray[np.int64], start: datetime, window_s: int) -> npt.NDArray[np.int64]:
    """A Unix time for each line number within ``window_s`` seconds of ``start``: even over the window."""
    return np.asarray(int(start.timestamp()) + (lines * _STRIDE) % window_s, dtype=np.int64)
