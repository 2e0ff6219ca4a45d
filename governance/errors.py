"""The error tree of governance.

GovernanceError
├── NotFound            the thing asked for does not exist, or not for you
│   └── Unaudited           a model that nobody has audited yet
├── Gone                it existed and was erased, for good
├── Conflict            the state of the thing forbids it
├── Forbidden           your role forbids it
├── Unauthenticated     nobody showed who they are
├── InvalidInput        what was given cannot be right: says expected and got
├── ConfigurationError  settings, key files or stores are not ready: says what to do
│   ├── PolicyError         a policy file, with file and line
│   ├── StaleDatabase       migrations are missing
│   └── MissingExtra        an optional part is not installed: says which
├── BudgetExceeded      a training would cost more privacy than is left
├── EmptySnapshot       nothing may be trained on
├── Unreachable         somebody else's log cannot be read at the moment
└── LedgerError         the log is not what it should be
    ├── BrokenProof         a hash, signature or proof does not hold
    ├── UnreadableEntry     bytes that are no entry we know
    ├── QuorumMissed        too few witnesses cosigned
    └── Rollback            the database is behind what was published

Messages carry facts (file, line, field, expected, got), never an identifier or a secret. HTTP and exit codes are
assigned by the adapters, not here.
"""

import traceback

INNERMOST_FRAMES = 6


class GovernanceError(Exception):
    """Anything this package refuses, with a sentence that says why."""


class NotFound(GovernanceError):  # noqa: N818 - reads as the answer it is
    """The thing asked for does not exist, or not for the one who asks."""


class Unaudited(NotFound):
    """A model has no report yet: evidence that is missing, where something is to be decided on it."""


class Gone(GovernanceError):  # noqa: N818 - reads as the answer it is
    """The thing asked for existed and was erased; nobody can bring it back."""


class Conflict(GovernanceError):  # noqa: N818 - reads as the answer it is
    """The present state of the thing forbids the change."""


class Forbidden(GovernanceError):  # noqa: N818 - reads as the answer it is
    """The role of the one who asks forbids it."""


class Unauthenticated(GovernanceError):  # noqa: N818 - reads as the answer it is
    """No valid credential was shown."""


class InvalidInput(GovernanceError):  # noqa: N818 - reads as the answer it is
    """What was given cannot be right; the message says expected and got."""


class ConfigurationError(GovernanceError):
    """Settings, key files or stores are not ready; the message says what to do."""


class PolicyError(ConfigurationError):
    """A policy file cannot be used; the message begins with file and line."""


class StaleDatabase(ConfigurationError):  # noqa: N818 - reads as the state it names
    """A database is behind its migrations."""


class MissingExtra(ConfigurationError):  # noqa: N818 - reads as the state it names
    """An optional part of Probity is not installed; the message says how to install it."""


class BudgetExceeded(GovernanceError):  # noqa: N818 - reads as the state it names
    """A training would cost more privacy than is left."""


class EmptySnapshot(GovernanceError):  # noqa: N818 - reads as the state it names
    """No interaction may be used for the purpose."""


class Unreachable(GovernanceError):  # noqa: N818 - reads as the state it names
    """Somebody else's log or witness cannot be reached at the moment; asking again may help."""


class LedgerError(GovernanceError):
    """The log is not what it should be."""


class BrokenProof(LedgerError):  # noqa: N818 - reads as the finding it is
    """A hash, a signature or a proof does not hold."""


class UnreadableEntry(LedgerError):  # noqa: N818 - reads as the finding it is
    """Bytes that are not an entry in the one accepted encoding."""


class Rollback(LedgerError):  # noqa: N818 - reads as the finding it is
    """The database is behind, or beside, what was already published."""


class QuorumMissed(LedgerError):  # noqa: N818 - reads as the finding it is
    """Too few witnesses cosigned a checkpoint for it to be published."""


def fault_of(error: BaseException) -> str:
    """Type and places of an error, for the operator's log. Not its message: a driver's may repeat what it was given."""
    frames = traceback.extract_tb(error.__traceback__)[-INNERMOST_FRAMES:]
    places = " < ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}"
