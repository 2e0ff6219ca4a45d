"""Waivers in files, held to the policy's rules and to the day on which something is decided by them."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path, PurePath

from governance.errors import PolicyError
from governance.policy.loader import Loaded, load
from governance.policy.rules import FairnessPolicy, require_waivable
from governance.policy.waivers import Misplaced, Waiver, WaiversFile, require_ending


def load_waivers(path: Path, policy: FairnessPolicy, today: date) -> Loaded[WaiversFile]:
    """Read a file of waivers from the rules of a policy, which may have others of its own.

    Raises:
        PolicyError: the file cannot be used, or one of its waivers is about nothing that the policy asks for, or ends
            more than a year after ``today``; begins with file and line.
    """
    loaded = load(path, WaiversFile)
    try:
        require_waivable([*policy.waivers, *loaded.value.waivers], policy.rules)
    except Misplaced as cause:
        msg = f"{path}:{cause.line or 1}: waivers: expected what the policy's rules can be excepted from, got {cause}"
        raise PolicyError(msg) from cause
    require_ending_in(path, loaded.value.waivers, today)
    return loaded


def require_ending_in(path: PurePath, waivers: Sequence[Waiver], today: date) -> None:
    """Hold the waivers of a file to what two people may grant each other: an end at most a year ahead.

    Raises:
        PolicyError: one of them ends later; begins with file and line.
    """
    try:
        require_ending(waivers, today)
    except Misplaced as cause:
        msg = f"{path}:{cause.line or 1}: waivers: expected an end at most a year ahead, got {cause}"
        raise PolicyError(msg) from cause
