"""What the sample service looks like, and what a run of it planted."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pseudonymisation.sources.errors import SourceError

FEWEST_SUBJECTS, MOST_SUBJECTS = 20, 50_000
FEWEST_TITLES, MOST_TITLES = 60, 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSettings:
    """The size and the planted properties of a sample. Equal settings give equal bytes.

    ``until`` is the aware moment in UTC before which every event lies; ``days`` how long the window before it is.
    ``buried_share`` is the part of the catalogue with origin *european*; ``burial`` what a past recommender took off
    their ranking score, in standard deviations of taste: 0 buries nothing. ``impressions`` is the mean number of
    titles a subject was shown.

    Raises:
        SourceError: a value outside its range.
    """

    seed: int = 20_260_930
    subjects: int = 6_000
    titles: int = 900
    until: datetime = datetime(2026, 9, 30, tzinfo=UTC)
    days: int = 120
    impressions: float = 98.0
    buried_share: float = 0.35
    burial: float = 0.95
    faults: bool = True

    def __post_init__(self) -> None:
        _verify("seed", self.seed, 0, 2**63 - 1)
        _verify("subjects", self.subjects, FEWEST_SUBJECTS, MOST_SUBJECTS)
        _verify("titles", self.titles, FEWEST_TITLES, MOST_TITLES)
        _verify("days", self.days, 7, 3650)
        _verify("impressions", self.impressions, 5, 1000)
        _verify("buried_share", self.buried_share, 0.05, 0.8)
        _verify("burial", self.burial, 0, 10)
        if self.until.tzinfo is None:
            msg = "sample setting until: expected an aware moment in UTC, got one without a time zone"
            raise SourceError(msg)


def _verify(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        msg = f"sample setting {name}: expected a number from {low:g} to {high:g}, got {value:g}"
        raise SourceError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSummary:
    """Exactly what was written and planted.

    ``events`` counts well-formed lines by kind; ``faults`` the damaged lines that stand among them, by fault.
    ``catalogue_share`` and ``view_share`` are those of the buried category, 0..1.
    """

    subjects: int
    titles: int
    events: dict[str, int]
    consents: int
    declarations: int
    refused_or_withdrawn_subjects: int
    gpc_subjects: int
    two_device_subjects: int
    email_variant_subjects: int
    searches_with_own_identifier: int
    buried_category: str
    catalogue_share: float
    view_share: float
    faults: dict[str, int]

    @property
    def lines(self) -> int:
        """Lines of the events file, damaged ones included."""
        return sum(self.events.values()) + sum(self.faults.values())
