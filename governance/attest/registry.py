"""Every predicate that we write and can judge, in one tuple one can read."""

from typing import Final

from governance.attest.predicate import Predicate
from governance.attest.predicates.erasure_certificate import ErasureCertificate
from governance.attest.predicates.privacy_audit import PrivacyAudit
from governance.attest.predicates.provenance import Provenance
from governance.attest.predicates.test_result import TestResult
from governance.attest.predicates.verification_summary import VerificationSummary
from governance.attest.statement import Statement
from governance.errors import BrokenProof, InvalidInput

PREDICATES: Final[tuple[type[Predicate], ...]] = (
    Provenance,
    PrivacyAudit,
    TestResult,
    VerificationSummary,
    ErasureCertificate,
)


def read_predicate(statement: Statement) -> Predicate:
    """The predicate of a verified statement.

    Raises:
        BrokenProof: a type that we do not know, so that nothing could be said about it; or a field of another form.
    """
    for kind in PREDICATES:
        if kind.predicate_type == statement.predicate_type:
            return kind.read(statement.predicate)
    msg = f"predicateType: expected one of {', '.join(kind.predicate_type for kind in PREDICATES)}, got another"
    raise BrokenProof(msg)


def predicate_type_of(word: str) -> str:
    """The predicate type that a slug or the type itself names.

    Raises:
        InvalidInput: neither.
    """
    for kind in PREDICATES:
        if word in {kind.slug, kind.predicate_type}:
            return kind.predicate_type
    msg = f"predicate: expected one of {', '.join(kind.slug for kind in PREDICATES)}, got another word"
    raise InvalidInput(msg)
