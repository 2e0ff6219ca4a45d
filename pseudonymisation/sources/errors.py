"""What reading or fetching a source may refuse.

PseudonymisationError > SourceError
├── UnknownLayout       a folder that no source recognises: says which files were expected
├── MalformedSource     a published file breaks its own layout: file, line, field, expected, got
├── UnwritableFolder    the sample could not be written: says why, leaves no half-written file
└── DownloadError       a published set could not be fetched
    ├── UnknownSet          no set of that name is listed
    ├── LicenceDeclined     the licence was shown and not accepted; nothing was requested
    ├── Interrupted         the transfer stopped early; what arrived is kept, and the next attempt resumes
    ├── ChecksumMismatch    what arrived is not what was published; it is deleted, nothing is unpacked
    └── UnsafeArchive       the archive would write outside its folder, or far more than announced

A message never contains a value that could name a subject: what was *got* is described by its shape.
"""

from pseudonymisation.errors import PseudonymisationError


class SourceError(PseudonymisationError):
    """Anything this package refuses, with a sentence that says why."""


class UnknownLayout(SourceError):  # noqa: N818 - reads as the finding it is
    """No source recognises the folder."""


class MalformedSource(SourceError):  # noqa: N818 - reads as the finding it is
    """A file breaks its published layout; the message begins with file and line."""


class UnwritableFolder(SourceError):  # noqa: N818 - reads as the finding it is
    """A folder cannot take what was to be written."""


class DownloadError(SourceError):
    """A published set could not be fetched."""


class UnknownSet(DownloadError):  # noqa: N818 - reads as the finding it is
    """No published set has that slug."""


class LicenceDeclined(DownloadError):  # noqa: N818 - reads as the answer it is
    """The licence was shown and not accepted."""


class Interrupted(DownloadError):  # noqa: N818 - reads as the finding it is
    """The transfer stopped early; run it again to resume."""


class ChecksumMismatch(DownloadError):  # noqa: N818 - reads as the finding it is
    """The archive is not the published one."""


class UnsafeArchive(DownloadError):  # noqa: N818 - reads as the finding it is
    """The archive would write where or what it must not."""


def malformed(place: str, line: int, field: str, *, expected: str, got: str) -> MalformedSource:
    """The one wording of a layout error. ``got`` describes a shape ("4 fields"), never the value."""
    return MalformedSource(f"{place}, line {line}, field {field}: expected {expected}, got {got}")
