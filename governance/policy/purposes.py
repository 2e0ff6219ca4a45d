"""Why data is processed: purposes with their legal basis (GDPR Art. 5(1)(b), 6, 30)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

LegalBasis = Literal["A6-1-a", "A6-1-b", "A6-1-c", "A6-1-f"]
"""W3C DPV names: consent, contract, legal obligation, legitimate interest."""


@dataclass(frozen=True)
class Purpose:
    """One reason to process, as the record of processing (Art. 30) and the access answer (Art. 15) show it."""

    title: str
    explanation: str
    legal_basis: LegalBasis
    recipients: tuple[str, ...]
    sale_or_sharing: bool = False
    """CCPA §1798.140: a Global Privacy Control signal opts the subject out of such a purpose."""
    assessment: str | None = None
    """Where the balancing test is filed; required for a legitimate interest (Art. 6(1)(f))."""

    def __post_init__(self) -> None:
        if self.legal_basis == "A6-1-f" and not self.assessment:
            msg = "a legitimate interest without an assessment"
            raise ValueError(msg)

    @property
    def needs_consent(self) -> bool:
        """Whether a recorded consent must exist before processing."""
        return self.legal_basis == "A6-1-a"


@dataclass(frozen=True)
class Notice:
    """The text that subjects were shown; a new text is a new version."""

    version: str
    language: str
    text: str


@dataclass(frozen=True)
class PurposesPolicy:
    """All purposes by slug, and the current notice."""

    controller: str
    contact: str
    notice: Notice
    purposes: Mapping[str, Purpose]
    training: str
    """Slug of the purpose under which the shared model is trained."""
    auditing: str
    """Slug of the purpose under which exposure is audited."""

    def __post_init__(self) -> None:
        for slug in (self.training, self.auditing):
            if slug not in self.purposes:
                msg = f"{slug!r}, which is not among the purposes"
                raise ValueError(msg)
