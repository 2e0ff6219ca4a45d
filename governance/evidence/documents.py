"""Files that entries name by the SHA-256 of their bytes, and that stand in a pack under it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from governance.ledger.entry import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One sort of them: the pack's ``folder``, what one is called, and the ``field`` of which ``kind`` names it."""

    folder: str
    what: str
    kind: str
    field: str
    suffix: str = ".json"

    def member(self, digest: str) -> str:
        """Its name in a pack."""
        return f"{self.folder}/{digest}{self.suffix}"


DOCUMENTS: Final = (
    Document(folder="released", what="audit release", kind="registry.audit_released", field="release"),
    Document(folder="disclosed", what="disclosed audit", kind="registry.audit_disclosed", field="document"),
    Document(folder="prices", what="price file", kind="registry.model_registered", field="price_file"),
    Document(
        folder="mitigations", what="mitigation report", kind="registry.model_registered", field="mitigation_report"
    ),
    Document(folder="notices", what="notice", kind="consent.notice_published", field="digest", suffix=".txt"),
)


def documents_of(entry: Entry) -> Iterator[tuple[Document, str]]:
    """The documents that an entry names, each with its digest (hex)."""
    for document in DOCUMENTS:
        digest = entry.body.get(document.field) if entry.kind == document.kind else None
        if digest:
            yield document, str(digest)
