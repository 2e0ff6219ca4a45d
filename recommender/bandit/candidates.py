"""What is worth exploring for somebody: titles that a release says little of, and categories that are new to them.

``explore`` draws from candidates; these are they. What is new in general is read from a release and public metadata.
What is new to a subject is read from their own history too, and shown to nobody else: joint differential privacy, as of
any list. So nothing here costs anything.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from recommender.features import CatalogueFeatures
from recommender.release import Release


@dataclass(frozen=True, slots=True)
class Candidate:
    """A title to explore, and why.

    Attributes:
        item: the title.
        little_known: whether hardly anybody, or nobody, watched it, as far as the release can tell.
        new_categories: ``attribute:category`` of the title that no watched title has.
    """

    item: str
    little_known: bool
    new_categories: tuple[str, ...] = field(default=(), repr=False)


def little_known(release: Release, catalogue: Collection[str], *, below: float | None = None) -> tuple[str, ...]:
    """Titles of which a release says little: those it did not keep, and those with a small noisy count.

    Args:
        release: of anything over these titles.
        catalogue: public: all titles, in an order of the caller's.
        below: a kept title with a smaller noisy count is little known (a count is Σ 1/√|history| over its audience);
            where it is not given, one that does not stand out of the noise of a count as the mechanism wanted it to.

    Returns:
        In the order of the catalogue.
    """
    least = release.mechanism.kept_sigmas * release.noise.count if below is None else below
    known = {item for item, count in zip(release.items, release.counts.tolist(), strict=True) if count >= least}
    return tuple(item for item in catalogue if item not in known)


def unexplored(
    release: Release,
    features: CatalogueFeatures,
    history: Collection[str],
    *,
    eligible: Collection[str] | None = None,
    attribute: str = "genre",
    below: float | None = None,
) -> tuple[Candidate, ...]:
    """What to explore for the subject with that history: new titles, and titles in categories that are new to them.

    Args:
        release: what is known of the population.
        features: public metadata; its titles and the release's are the catalogue.
        history: titles watched. Where it is empty, every category is new.
        eligible: if given, only these titles (available, and of a fit maturity).
        attribute: whose categories count.
        below: as in ``little_known``.

    Returns:
        In the order of the metadata's titles, then of the release's; each title once, each for one reason or both.

    Guarantees:
        - a function of the release, public metadata and this history: it costs no privacy
        - no watched title
    """
    catalogue = tuple(dict.fromkeys((*features.items, *release.items)))
    watched = set(history)
    open_ = [item for item in catalogue if item not in watched and (eligible is None or item in eligible)]
    new = set(little_known(release, open_, below=below))
    seen = {name for names in _categories(features, tuple(watched), attribute) for name in names}
    unseen = (
        tuple(name for name in names if name not in seen) for names in _categories(features, tuple(open_), attribute)
    )
    found = (Candidate(item, item in new, names) for item, names in zip(open_, unseen, strict=True))
    return tuple(each for each in found if each.little_known or each.new_categories)


def _categories(features: CatalogueFeatures, items: tuple[str, ...], attribute: str) -> list[list[str]]:
    """Of each title its categories of that attribute; a title without metadata has none."""
    columns = [column for column, name in enumerate(features.names) if name.split(":", 1)[0] == attribute]
    return [[features.names[column] for column in columns if row[column]] for row in features.of(items)]
