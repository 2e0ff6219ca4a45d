"""Where a request can stand, and which steps exist. No step leads back from an end.

    received ──► acknowledged ──► approved ──► processing ──► fulfilled
        └──────────────┴─────────────┴──► refused

Once work has begun it is finished: a half-erased subject cannot be refused.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from governance.errors import Conflict

State = Literal["received", "acknowledged", "approved", "processing", "fulfilled", "refused"]

STEPS: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        "received": frozenset({"acknowledged", "refused"}),
        "acknowledged": frozenset({"approved", "refused"}),
        "approved": frozenset({"processing", "refused"}),
        "processing": frozenset({"fulfilled"}),
        "fulfilled": frozenset(),
        "refused": frozenset(),
    }
)

FINAL: Final = frozenset(state for state, steps in STEPS.items() if not steps)


def require_step(present: str, target: State) -> None:
    """Raise `Conflict` unless a request may go from ``present`` to ``target``."""
    steps = next((steps for state, steps in STEPS.items() if state == present), frozenset())
    if target not in steps:
        possible = ", ".join(sorted(steps)) or "nothing else"
        msg = f"a request that is {present} cannot become {target}; it can become {possible}"
        raise Conflict(msg)
