"""Waivers in a file beside a policy, held to the policy's rules."""

from pathlib import Path

from governance.errors import PolicyError
from governance.policy.loader import Loaded, load
from governance.policy.rules import FairnessPolicy, require_waivable
from governance.policy.waivers import Misplaced, WaiversFile


def load_waivers(path: Path, policy: FairnessPolicy) -> Loaded[WaiversFile]:
    """Read a file of waivers from the rules of a policy, which may have others of its own.

    Raises:
        PolicyError: the file cannot be used, or one of its waivers is about nothing that the policy asks for; begins
            with file and line.
    """
    loaded = load(path, WaiversFile)
    try:
        require_waivable([*policy.waivers, *loaded.value.waivers], policy.rules)
    except Misplaced as cause:
        msg = f"{path}:{cause.line or 1}: waivers: expected what the policy's rules can be excepted from, got {cause}"
        raise PolicyError(msg) from cause
    return loaded
