"""The published sets that Probity can fetch for whoever accepts their licence. None of them is shipped."""

from dataclasses import dataclass

HARPER_KONSTAN = (
    "F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context. ACM Transactions on "
    "Interactive Intelligent Systems 5, 4, Article 19. doi:10.1145/2827872"
)
_HOME = "https://files.grouplens.org/datasets/movielens/"
_TERMS = (
    "GroupLens, University of Minnesota. For research use. State or imply no endorsement by either; "
    "acknowledge the set in publications; {redistribution}; no commercial or revenue-bearing use without permission "
    "first obtained from a faculty member of GroupLens. No warranty. The README inside the archive has the full and "
    "binding terms."
)
_KEEP = _TERMS.format(redistribution="do not redistribute it without separate permission")
_SHARE_ALIKE = _TERMS.format(
    redistribution="redistribute it, or what is made from it, only under these same conditions"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSet:
    """One archive at its publisher.

    ``sha256`` is pinned where the archive never changes; where it is None the publisher's MD5 beside the archive is
    asked for at the time. MD5 keeps out accidents, not a publisher who lies. ``most_bytes`` and
    ``most_unpacked_bytes`` are refused beyond.
    """

    slug: str
    title: str
    url: str
    sha256: str | None
    size_bytes: int | None
    most_bytes: int
    most_unpacked_bytes: int
    licence: str
    citation: str = HARPER_KONSTAN


def _movielens(
    name: str, title: str, pinned: tuple[str, int] | None, most_unpacked_mb: int, licence: str
) -> PublishedSet:
    sha256, size_bytes = pinned or (None, None)
    return PublishedSet(
        slug=name,
        title=title,
        url=f"{_HOME}{name}.zip",
        sha256=sha256,
        size_bytes=size_bytes,
        most_bytes=size_bytes or 50_000_000,
        most_unpacked_bytes=most_unpacked_mb * 1_000_000,
        licence=licence,
    )


PUBLISHED = (
    _movielens(
        "ml-100k",
        "MovieLens 100K: 100,000 ratings, 943 subjects, 1,682 titles (1998)",
        ("50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229", 4_924_029),
        100,
        _KEEP,
    ),
    _movielens(
        "ml-1m",
        "MovieLens 1M: 1,000,209 ratings, 6,040 subjects, 3,883 titles (2003)",
        ("a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20", 5_917_549),
        200,
        _KEEP,
    ),
    _movielens(
        "ml-20m",
        "MovieLens 20M: 20,000,263 ratings, 138,493 subjects, 27,278 titles (2015)",
        ("96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3", 198_702_078),
        3_000,
        _KEEP,
    ),
    _movielens(
        "ml-25m",
        "MovieLens 25M: 25,000,095 ratings, 162,541 subjects, 62,423 titles (2019)",
        ("8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa", 261_978_986),
        4_000,
        _KEEP,
    ),
    _movielens(
        "ml-latest-small",
        "MovieLens latest, small: about 100,000 ratings, 600 subjects, 9,700 titles; changes over time",
        None,
        100,
        _SHARE_ALIKE,
    ),
)
"""Checksums are those of GroupLens's own archives, whose MD5 GroupLens publishes beside each."""
