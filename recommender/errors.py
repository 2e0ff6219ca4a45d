"""Every way in which this package refuses.

RecommenderError
├── EmptyInteractions    nothing to measure, or nobody to recommend to
├── BadInteractions      a table that is not interactions: wrong columns, nulls, items outside the catalogue
├── BadMechanism         a mechanism whose guarantee could not be stated, or would not hold
├── CorruptArtefact      files that are not the artefact they are said to be
├── ArtefactExists       another artefact already lies where this one should be written
├── BadArtwork           images without a score to choose by, or chances that cannot be
├── BadModel             a model of numbers that no list could be made from
├── BadPrices            prices for categories or items that the model does not have
├── UnknownModel         a model kind that is not in ``MODELS``
├── MissingSignal        a model kind that needs what the release did not measure
├── BadAttack            an attack on ourselves that could show nothing as it was set up
└── UnsupportedPolicy    a policy that does what the log to judge it by never did
"""


class RecommenderError(Exception):
    """Root of the tree."""


class EmptyInteractions(RecommenderError):  # noqa: N818 - reads as the finding it is
    """No subject has any item."""


class BadInteractions(RecommenderError):  # noqa: N818 - reads as the finding it is
    """A table cannot be read as interactions over the catalogue. Says how many rows, never which subject."""


class BadMechanism(RecommenderError):  # noqa: N818 - reads as the finding it is
    """The mechanism's parameters would give no guarantee, or one that the arithmetic cannot keep."""


class CorruptArtefact(RecommenderError):  # noqa: N818 - reads as the finding it is
    """The bytes in a folder do not have the expected digest, or are not a release or model."""


class ArtefactExists(RecommenderError):  # noqa: N818 - reads as the finding it is
    """The folder already holds a different artefact. Artefacts are never overwritten."""


class BadArtwork(RecommenderError):  # noqa: N818 - reads as the finding it is
    """No image to choose from, a score that is no number, or exploration that is none."""


class BadModel(RecommenderError):  # noqa: N818 - reads as the finding it is
    """A model's numbers are not what its form asks for."""


class BadPrices(RecommenderError):  # noqa: N818 - reads as the finding it is
    """Prices name a category without items, or are not finite."""


class UnknownModel(RecommenderError):  # noqa: N818 - reads as the finding it is
    """No model kind has that slug."""


class MissingSignal(RecommenderError):  # noqa: N818 - reads as the finding it is
    """The release did not measure a signal that this model kind follows from."""


class BadAttack(RecommenderError):  # noqa: N818 - reads as the finding it is
    """An attack's numbers do not fit each other, or what it needs to see is not there."""


class UnsupportedPolicy(RecommenderError):  # noqa: N818 - reads as the finding it is
    """The target policy does what the logged policy never did: no estimate from this log is honest."""
