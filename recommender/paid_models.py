"""Kinds of models that read the subjects once more, and so cost privacy beyond their release: ``PAID_MODELS``.

``MODELS`` are free: whoever has a release may fit them again and again. One of these is trained and paid for together
with its release, by its own entry point, and its guarantee is the composition of both.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaidKind:
    """One entry of ``PAID_MODELS``: its slug, and what it does in a sentence, for a reviewer."""

    slug: str
    summary: str


AUTOENCODER = PaidKind(
    "autoencoder", "Hidden tastes as the release has them, refined by a few private steps over all subjects (DP-SGD)."
)

PAID_MODELS: tuple[PaidKind, ...] = (AUTOENCODER,)


def is_paid(slug: str) -> bool:
    """Whether models of that kind cost privacy beyond their release."""
    return any(kind.slug == slug for kind in PAID_MODELS)
