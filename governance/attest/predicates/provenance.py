"""SLSA provenance v1: from what, by what and when a release or a model was made.

``external`` is what somebody asked for and a consumer should check; ``internal`` is what the builder chose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from governance.attest.predicate import OURS
from governance.attest.reading import read_moment, read_object, read_objects, read_text, write_moment
from governance.attest.resource import Resource, policies_among, read_resource
from governance.ledger.canonical import Json

TRAINING = f"{OURS}/training/v1"
"""Build type: a release is measured from a snapshot, and models are fitted from it."""

MITIGATION = f"{OURS}/mitigation/v1"
"""Build type: exposure prices are fitted and put on a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """``dependencies`` are the digests of all that went in: snapshot, catalogue, policies, code, release."""

    predicate_type: ClassVar[str] = "https://slsa.dev/provenance/v1"
    slug: ClassVar[str] = "provenance"
    is_verdict: ClassVar[bool] = False

    build_type: str
    external: Mapping[str, Json]
    internal: Mapping[str, Json]
    dependencies: tuple[Resource, ...]
    builder: str
    builder_version: str
    invocation: str
    started_at: datetime
    finished_at: datetime

    def as_json(self) -> Mapping[str, Json]:
        """See `Predicate`."""
        return {
            "buildDefinition": {
                "buildType": self.build_type,
                "externalParameters": self.external,
                "internalParameters": self.internal,
                "resolvedDependencies": [each.as_json() for each in self.dependencies],
            },
            "runDetails": {
                "builder": {"id": self.builder, "version": {"probity": self.builder_version}},
                "metadata": {
                    "invocationId": self.invocation,
                    "startedOn": write_moment(self.started_at),
                    "finishedOn": write_moment(self.finished_at),
                },
            },
        }

    @classmethod
    def read(cls, predicate: Mapping[str, Json]) -> Self:
        """See `Predicate`."""
        definition, run = read_object(predicate, "buildDefinition"), read_object(predicate, "runDetails")
        builder, metadata = read_object(run, "builder"), read_object(run, "metadata")
        version = read_object(builder, "version") if "version" in builder else {}
        return cls(
            build_type=read_text(definition, "buildType"),
            external=read_object(definition, "externalParameters"),
            internal=read_object(definition, "internalParameters") if "internalParameters" in definition else {},
            dependencies=tuple(read_resource(each) for each in read_objects(definition, "resolvedDependencies")),
            builder=read_text(builder, "id"),
            builder_version=read_text(version, "probity") if "probity" in version else "",
            invocation=read_text(metadata, "invocationId"),
            started_at=read_moment(metadata, "startedOn"),
            finished_at=read_moment(metadata, "finishedOn"),
        )

    @property
    def policies(self) -> Mapping[str, str]:
        """See `Predicate`."""
        return policies_among(self.dependencies)

    @property
    def speaker(self) -> str | None:
        """See `Predicate`."""
        return self.builder

    @property
    def moment(self) -> datetime | None:
        """See `Predicate`."""
        return self.finished_at

    @property
    def refusals(self) -> tuple[str, ...]:
        """See `Predicate`. How something was made is no verdict on it."""
        ended = self.finished_at >= self.started_at
        return () if ended else ("it finished before it started",)
