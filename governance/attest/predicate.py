"""What every predicate can be asked, whatever it says."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Protocol, Self

from governance.ledger.canonical import Json

OURS = "https://probity.example/attestation"
"""Where the names of our own predicates and build types begin. Nothing is served there; a name is a name."""


class Predicate(Protocol):
    """A frozen dataclass with the fields that we write and read."""

    predicate_type: ClassVar[str]
    slug: ClassVar[str]
    """What the command line calls it."""
    is_verdict: ClassVar[bool]
    """Whether it judges by a policy, so that it can grow too old and its policy be replaced. The rest is history."""

    def as_json(self) -> Mapping[str, Json]:
        """The predicate as it is signed. It names nobody."""
        ...

    @classmethod
    def read(cls, predicate: Mapping[str, Json]) -> Self:
        """The predicate in a verified statement; unknown fields are ignored.

        Raises:
            BrokenProof: names the field that is missing or of another form.
        """
        ...

    @property
    def policies(self) -> Mapping[str, str]:
        """SHA-256 (hex) of each policy file under which it was made, by the file's name."""
        ...

    @property
    def speaker(self) -> str | None:
        """Who says it (verifier.id, builder.id); the key that signs must be theirs. None where it does not say."""
        ...

    @property
    def moment(self) -> datetime | None:
        """When it was said, aware UTC; None where it does not say."""
        ...

    @property
    def refusals(self) -> tuple[str, ...]:
        """Every reason why what it says is a no; empty means yes."""
        ...
