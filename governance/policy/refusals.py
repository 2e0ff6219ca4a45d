"""How a policy refuses a value that can mean nothing."""


def require(*, holds: bool, found: str) -> None:
    """Refuse what was found where it does not hold.

    Raises:
        ValueError: it does not; ``found`` begins with the name of the field at fault.
    """
    if not holds:
        raise ValueError(found)
