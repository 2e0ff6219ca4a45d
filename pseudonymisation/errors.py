"""What the identity plane may refuse.

PseudonymisationError
├── BadEvent                a field of the input is not what the wire format says: field, expected, got
│   ├── BadIdentifier           an identifier that cannot be normalised, or none at all
│   └── UnknownIdentifierType   a type of identifier that we do not know
├── KeyringError            the key file cannot be used
│   ├── MissingKeyring          there is none: `probity init` makes one
│   ├── UnsafePermissions       others than its owner may read it
│   └── UnknownKey              no key of that role and version
├── VaultError              the vault refuses or cannot answer
│   ├── UnknownSubject          no such subject: never seen, or erased
│   ├── UnknownDomain           a domain of pseudonyms that is not in the registry
│   ├── BrokenSeal              a sealed value does not open: wrong key, or somebody changed it
│   ├── StaleVault              the database is behind its migrations
│   └── ResidueRemains          rows are gone, but bytes of them still lie in the write-ahead log
├── DisclosureError         an access package cannot be composed or opened
├── LakeError               the event tables refuse or cannot answer
│   ├── LakeBusy                another process writes
│   ├── LakeFull                the disk is full or refuses to be written; nothing was added
│   └── UnknownVersion          a version of a table that does not exist, or that an erasure made unreadable
├── QuarantineError         rejected lines cannot be kept or read
└── GatewayError            ingestion stopped
    └── QualityFailure          a batch broke the data-quality suite; nothing of it was written

A message names the place, never an identifier, a key or free text from the input: what was *got* is described by its
shape.
"""


class PseudonymisationError(Exception):
    """Anything this package refuses, with a sentence that says why."""


class BadEvent(PseudonymisationError):  # noqa: N818 - reads as the finding it is
    """One field of the input breaks the wire format.

    ``got`` describes a shape ("a number", "text of 300 characters"), never the value.
    """

    def __init__(self, field: str, *, expected: str, got: str) -> None:
        super().__init__(f"field {field}: expected {expected}, got {got}")
        self.field = field
        self.expected = expected
        self.got = got


class BadIdentifier(BadEvent):
    """An identifier that cannot be normalised, or a subject without any."""


class UnknownIdentifierType(BadEvent):
    """A type of identifier that is not in the registry; the message does not repeat it."""


class KeyringError(PseudonymisationError):
    """The key file cannot be used as it is."""


class MissingKeyring(KeyringError):  # noqa: N818 - reads as the finding it is
    """There is no key file."""


class UnsafePermissions(KeyringError):  # noqa: N818 - reads as the finding it is
    """Others than its owner may read the key file."""


class UnknownKey(KeyringError):  # noqa: N818 - reads as the finding it is
    """The keyring holds no key of that role and version."""


class VaultError(PseudonymisationError):
    """The vault refuses or cannot answer."""


class UnknownSubject(VaultError):  # noqa: N818 - reads as the finding it is
    """No subject has that pseudonym: it never existed, or it was erased."""


class UnknownDomain(VaultError):  # noqa: N818 - reads as the finding it is
    """Not one of the registered domains of pseudonyms."""


class BrokenSeal(VaultError):  # noqa: N818 - reads as the finding it is
    """A sealed value does not open: the key is another, or the value was changed or moved to another row."""


class StaleVault(VaultError):  # noqa: N818 - reads as the finding it is
    """The vault's database is not at the newest schema."""


class ResidueRemains(VaultError):  # noqa: N818 - reads as the finding it is
    """A destruction is committed, but a reader kept its bytes from being cleared out of the write-ahead log."""


class DisclosureError(PseudonymisationError):
    """An access package cannot be composed or opened."""


class LakeError(PseudonymisationError):
    """The event tables refuse or cannot answer."""


class LakeBusy(LakeError):  # noqa: N818 - reads as the finding it is
    """Another process holds the lake's write lock."""


class LakeFull(LakeError):  # noqa: N818 - reads as the finding it is
    """The storage cannot take more; what was being added is not there."""


class UnknownVersion(LakeError):  # noqa: N818 - reads as the finding it is
    """A version of an event table that does not exist, or whose files an erasure has removed."""


class QuarantineError(PseudonymisationError):
    """Rejected lines cannot be kept, or not be read again."""


class GatewayError(PseudonymisationError):
    """Ingestion stopped."""


class QualityFailure(GatewayError):  # noqa: N818 - reads as the finding it is
    """A batch broke the data-quality suite, so nothing of it was written."""
