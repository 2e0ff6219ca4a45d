"""How small a group's figure may be to leave the house: what is asked for, held to what the policy says. Pure."""

from governance.errors import InvalidInput
from governance.policy.loader import Loaded
from governance.policy.rules import FairnessPolicy


def threshold(asked: int | None, policy: Loaded[FairnessPolicy]) -> int:
    """How many subjects a published figure rests on at least: as asked, or the policy's number where nobody asked.

    Raises:
        InvalidInput: fewer than the policy says; names file, field, expected and got.
    """
    floor = policy.value.disclose_at_least
    if asked is not None and asked < floor:
        msg = f"{policy.name}, disclose_at_least: expected --at-least of {floor} or more, got {asked}"
        raise InvalidInput(msg)
    return floor if asked is None else asked
