"""Our own predicate: an erasure was carried out, and a second read of every store found nothing left.

Its subject is the certificate that was handed out, by digest. The certificate has more: how many rows each store held,
which models and snapshots had the subject, a commitment to the destroyed secret. That is for the one who asked. An
attestation goes to auditors and machines, and one request on a day is a person, so here are counts of stores and models
and nothing that was counted in the subject's own data; days, and no time of day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import ClassVar, Self

from governance.attest.checks import Checks
from governance.attest.predicate import OURS
from governance.attest.reading import read_number, read_object, read_objects, read_text, read_whole, write_number
from governance.attest.resource import Resource, policies_among, read_resource
from governance.errors import BrokenProof
from governance.ledger.canonical import Json

LEVEL = "PROBITY_ERASURE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """How many models had seen the subject, and the largest guarantee among them: what bounds what they still say."""

    models: int
    largest_epsilon: float
    largest_delta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureCertificate:
    """``left`` are the rows that the second read found, by store: all 0, or there would be no certificate."""

    predicate_type: ClassVar[str] = f"{OURS}/erasure-certificate/v0.1"
    slug: ClassVar[str] = "erasure-certificate"
    is_verdict: ClassVar[bool] = False

    certifier: str
    request: str
    right: str
    regime: str
    erased_on: date
    left: Mapping[str, int]
    memory: Memory
    retrain_by: date | None
    rules: tuple[Resource, ...]

    def as_json(self) -> Mapping[str, Json]:
        """See `Predicate`."""
        retrain: dict[str, Json] = {} if self.retrain_by is None else {"retrainBy": self.retrain_by.isoformat()}
        return {
            "certifier": {"id": self.certifier},
            "request": self.request,
            "right": self.right,
            "regime": self.regime,
            "erasedOn": self.erased_on.isoformat(),
            "stores": [{"name": name, "left": left} for name, left in self.left.items()],
            "memory": {
                "models": self.memory.models,
                "largestEpsilon": write_number(self.memory.largest_epsilon),
                "largestDelta": self.memory.largest_delta,
            },
            "policies": [each.as_json() for each in self.rules],
            **retrain,
        }

    @classmethod
    def read(cls, predicate: Mapping[str, Json]) -> Self:
        """See `Predicate`."""
        memory = read_object(predicate, "memory")
        return cls(
            certifier=read_text(read_object(predicate, "certifier"), "id"),
            request=read_text(predicate, "request"),
            right=read_text(predicate, "right"),
            regime=read_text(predicate, "regime"),
            erased_on=_read_day(predicate, "erasedOn"),
            left={read_text(each, "name"): read_whole(each, "left") for each in read_objects(predicate, "stores")},
            memory=Memory(
                models=read_whole(memory, "models"),
                largest_epsilon=read_number(memory, "largestEpsilon"),
                largest_delta=read_number(memory, "largestDelta"),
            ),
            retrain_by=_read_day(predicate, "retrainBy") if "retrainBy" in predicate else None,
            rules=tuple(read_resource(each) for each in read_objects(predicate, "policies")),
        )

    @property
    def checks(self) -> Checks:
        """What the certificate certifies, store by store."""
        stores = {f"a second read of {name} finds nothing": left == 0 for name, left in self.left.items()}
        dated = self.retrain_by is not None or self.memory.models == 0
        return {**stores, "every model that had seen the subject has a day to be retrained by": dated}

    @property
    def policies(self) -> Mapping[str, str]:
        """See `Predicate`."""
        return policies_among(self.rules)

    @property
    def speaker(self) -> str | None:
        """See `Predicate`."""
        return self.certifier

    @property
    def moment(self) -> datetime | None:
        """See `Predicate`: the beginning of the day."""
        return datetime.combine(self.erased_on, time(), UTC)

    @property
    def refusals(self) -> tuple[str, ...]:
        """See `Predicate`: the checks are done anew from the counts."""
        if not self.left:
            return ("it names no store",)
        return tuple(f"does not hold: {name}" for name, held in self.checks.items() if not held)


def _read_day(fields: Mapping[str, Json], name: str) -> date:
    try:
        return date.fromisoformat(read_text(fields, name))
    except ValueError as cause:
        msg = f"predicate: {name}: expected a day such as 2026-01-31, got something else"
        raise BrokenProof(msg) from cause
