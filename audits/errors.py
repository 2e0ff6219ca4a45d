"""What can go wrong in an audit.

AuditError > InvalidTable > UnknownItem
           > InvalidConfig
           > CorruptReport
           > InfeasibleLimits > PriceAtBox
"""


class AuditError(Exception):
    """Root of every error that this package raises on purpose."""


class InvalidTable(AuditError):  # noqa: N818 - reads as the finding it is
    """An input table breaks its contract; the message names table, column and row, never a subject."""


class UnknownItem(InvalidTable):
    """A table names items that the catalogue does not have."""


class InvalidConfig(AuditError):  # noqa: N818 - reads as the finding it is
    """A setting of the audit is out of range or names something that does not exist."""


class CorruptReport(AuditError):  # noqa: N818 - reads as the finding it is
    """Bytes that are not exactly one report in its one encoding."""


class InfeasibleLimits(AuditError):  # noqa: N818 - reads as the finding it is
    """No set of lists can meet these exposure limits."""


class PriceAtBox(InfeasibleLimits):
    """A price grew to its bound: the limits contradict each other, or the bound is too small for the scores' scale."""
