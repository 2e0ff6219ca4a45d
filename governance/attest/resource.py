"""in-toto ResourceDescriptor v1: something named by a URI or a name, and by its SHA-256."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from governance.attest.reading import read_object, read_text
from governance.ledger.canonical import Json

POLICIES = "/policies/"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource, by ``uri`` and ``sha256`` (hex); ``annotations`` are words about it that decide nothing."""

    uri: str
    sha256: str
    annotations: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """The descriptor."""
        said: dict[str, Json] = {"annotations": dict(self.annotations)} if self.annotations else {}
        return {"uri": self.uri, "digest": {"sha256": self.sha256}, **said}

    @property
    def policy_name(self) -> str | None:
        """The policy file that the descriptor names, such as ``fairness.yaml``; None where it names something else."""
        before, found, name = self.uri.rpartition(POLICIES)
        return name if before and found and name and "/" not in name else None


def read_resource(fields: Mapping[str, Json]) -> Resource:
    """A descriptor with a URI, or at least a name, and a SHA-256.

    Raises:
        BrokenProof: it lacks one.
    """
    place = "uri" if "uri" in fields else "name"
    annotations = read_object(fields, "annotations") if "annotations" in fields else {}
    return Resource(
        read_text(fields, place),
        read_text(read_object(fields, "digest"), "sha256"),
        {name: words for name, words in annotations.items() if isinstance(words, str)},
    )


def policies_among(resources: tuple[Resource, ...]) -> dict[str, str]:
    """SHA-256 (hex) of each policy file among the resources, by the file's name."""
    return {each.policy_name: each.sha256 for each in resources if each.policy_name is not None}
