"""SLSA verification summary (VSA) v1: somebody verified an artefact against a policy. Ours are the gate's decisions.

The levels are words of ours; those that begin ``SLSA_`` are SLSA's to define and never written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Self, cast

from governance.attest.reading import read_moment, read_object, read_objects, read_text, read_texts, write_moment
from governance.attest.resource import Resource, policies_among, read_resource
from governance.errors import BrokenProof, InvalidInput
from governance.ledger.canonical import Json

RESERVED = "SLSA_"
Verdict = Literal["PASSED", "FAILED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationSummary:
    """``verifier`` is bound to the signing key; ``levels`` is what was reached, and empty where it failed."""

    predicate_type: ClassVar[str] = "https://slsa.dev/verification_summary/v1"
    slug: ClassVar[str] = "vsa"
    is_verdict: ClassVar[bool] = True

    verifier: str
    verified_at: datetime
    resource: str
    policy: Resource
    inputs: tuple[Resource, ...]
    result: Verdict
    levels: tuple[str, ...]

    def __post_init__(self) -> None:
        if any(level.startswith(RESERVED) for level in self.levels):
            msg = f"verifiedLevels: expected words that do not begin {RESERVED}, got one that does"
            raise InvalidInput(msg)

    def as_json(self) -> Mapping[str, Json]:
        """See `Predicate`. A failed verification reached the level FAILED, as the format has it."""
        return {
            "verifier": {"id": self.verifier},
            "timeVerified": write_moment(self.verified_at),
            "resourceUri": self.resource,
            "policy": self.policy.as_json(),
            "inputAttestations": [each.as_json() for each in self.inputs],
            "verificationResult": self.result,
            "verifiedLevels": list(self.levels) if self.result == "PASSED" else ["FAILED"],
        }

    @classmethod
    def read(cls, predicate: Mapping[str, Json]) -> Self:
        """See `Predicate`."""
        result = read_text(predicate, "verificationResult")
        if result not in {"PASSED", "FAILED"}:
            msg = "predicate: verificationResult: expected PASSED or FAILED, got something else"
            raise BrokenProof(msg)
        try:
            return cls(
                verifier=read_text(read_object(predicate, "verifier"), "id"),
                verified_at=read_moment(predicate, "timeVerified"),
                resource=read_text(predicate, "resourceUri"),
                policy=read_resource(read_object(predicate, "policy")),
                inputs=tuple(read_resource(each) for each in read_objects(predicate, "inputAttestations")),
                result=cast("Verdict", result),
                levels=read_texts(predicate, "verifiedLevels") if result == "PASSED" else (),
            )
        except InvalidInput as cause:
            msg = f"predicate: {cause}"
            raise BrokenProof(msg) from cause

    @property
    def policies(self) -> Mapping[str, str]:
        """See `Predicate`."""
        return policies_among((self.policy,))

    @property
    def speaker(self) -> str | None:
        """See `Predicate`."""
        return self.verifier

    @property
    def moment(self) -> datetime | None:
        """See `Predicate`."""
        return self.verified_at

    @property
    def refusals(self) -> tuple[str, ...]:
        """See `Predicate`."""
        return () if self.result == "PASSED" else (f"verificationResult is {self.result}",)
