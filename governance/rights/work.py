"""What fulfilling a request is made of: stages, each done in a transaction of its own, in order, once.

A stage may be run again after a crash, so each one finds its own work done and goes on. The note of what is done
commits together with what the stage changed in the control database.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from governance.attest.attester import Attester
from governance.attest.signing import EnvelopeSigner
from governance.clock import Clock
from governance.errors import Conflict
from governance.ledger.canonical import Json
from governance.policy.policies import Policies
from governance.rights.tables import Job, RightsRequest
from pseudonymisation.lake.store import Lake
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.vault import Vault

Recommendations = Callable[[Session, Pseudonym], Json]
"""What a subject (events domain) is recommended now, each title with its exact reasons. Reads in the given session
only: on SQLite a second one would wait for the first."""


LeaveSums = Callable[[Session, Pseudonym, UUID], Mapping[str, int]]
"""Takes a subject out of kept sums, once per request; how many were ``subtracted`` from and how many ``destroyed``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the stages work with. ``packages`` is the folder of sealed access packages.

    ``leave_sums`` takes a subject (events domain) out of all exact sums that are kept, or destroys those, before their
    events go; once for each request.
    """

    vault: Vault
    lake: Lake
    policies: Policies
    signer: EnvelopeSigner
    attester: Attester
    packages: Path
    recommendations: Recommendations
    leave_sums: LeaveSums
    actor: str
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """What a fulfilled request leaves to hand out, shown once: a sealed package with its key, or a certificate."""

    package: Path | None = None
    key: bytes | None = field(default=None, repr=False)
    certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One stage's view: the request, and the job whose ``work`` it may read and replace."""

    request: RightsRequest
    job: Job

    @property
    def subject(self) -> Pseudonym:
        """The subject, in the rights domain.

        Raises:
            Conflict: an erasure emptied the request meanwhile.
        """
        if self.request.subject is None:
            msg = f"request {self.request.id}: its subject has been erased; refuse it with the ground no_match"
            raise Conflict(msg)
        return Pseudonym(self.request.subject)

    def note(self, **facts: Any) -> None:  # noqa: ANN401 - JSON
        """Keep facts for later stages; committed with the stage."""
        # A new mapping: SQLAlchemy does not see changes inside the old one.
        self.job.work = {**self.job.work, **facts}


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the work. ``run`` returns what there is to hand out, if anything."""

    name: str
    run: Callable[[Session, Tools, Task], Handover | None]


@dataclass(frozen=True, slots=True)
class Right:
    """A right that is served: its slug in the policy, the nature of its answer, and the stages that fulfil it."""

    slug: str
    response: str
    stages: tuple[Stage, ...]


def package_path(folder: Path, request: RightsRequest) -> Path:
    """Where a request's sealed package lies; its name tells nothing about the subject."""
    return folder / f"{request.id}.package"
