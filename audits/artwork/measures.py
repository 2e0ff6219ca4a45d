"""Figures about what cohorts are shown, each a smooth function of per-subject sums."""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audits.artwork.tables import ArtworkInput, Gallery, image_keys
from audits.statistics import Cell, Smooth, ratios
from audits.tables import codes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LARGEST = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One kind of figure, as reports and pages name it."""

    slug: str
    title: str
    formula: str
    low: float
    high: float


IMAGE_GAP = Figure(
    slug="image_gap",
    title="How much more of a kind of image a cohort is shown than chance would show it",
    formula="share of the cohort's impressions with the category - mean share of the category among the eligible "
    "images of the titles shown",
    low=-1.0,
    high=1.0,
)
CAST_GAP = Figure(
    slug="cast_gap",
    title="How much more of a group of people images show than the titles bill",
    formula="share of the group among people on the images shown - its share of the billed roles of the same titles",
    low=-1.0,
    high=1.0,
)
CAST_LOG_RATIO = Figure(
    slug="cast_log_ratio",
    title="People shown relative to roles billed, as a logarithm",
    formula="ln(share of the group among people on the images shown / its share of the billed roles of these titles)",
    low=-math.inf,
    high=math.inf,
)


CAST_BILLED = Figure(
    slug="cast_billed",
    title="Share of a group in the billed roles of what a cohort was shown",
    formula="mean share of the group in the billed roles of the title, over impressions of images of somebody",
    low=0.0,
    high=1.0,
)


def image_gap(gallery: Gallery) -> Smooth:
    """Cells by cohort and category, parity at 0.

    Example: a title has three eligible images, one of a man alone; a cohort sees that one in 4 of 6 impressions: 4 / 6
        - 1 / 3 = 1 / 3.
    """
    uniform = _uniform_shares(gallery)
    shown = _indicator(gallery.category_of[gallery.image], len(gallery.categories))
    return _by_cohort(gallery, shown - uniform[gallery.title], np.ones(gallery.subject.size), gallery.categories)


def cast_gap(gallery: Gallery, given: ArtworkInput) -> Smooth:
    """Cells by cohort and group of people, parity at 0; only impressions of images with somebody on them count."""
    groups, shown, billed, counted = cast_of_rows(gallery, given)
    return _by_cohort(gallery, (shown - billed) * counted[:, None], counted, groups)


def cast_billed(gallery: Gallery, given: ArtworkInput) -> Smooth:
    """Cells by cohort and group of people; what the gap is measured from, so that a ratio can be bounded by both."""
    groups, _, billed, counted = cast_of_rows(gallery, given)
    return _by_cohort(gallery, billed * counted[:, None], counted, groups, span=1.0, target=None)


def cast_log_ratio(gallery: Gallery, given: ArtworkInput) -> Smooth:
    """Cells by group of people, of all cohorts and of each, parity at 0; undefined where a group is never shown.

    Example: a group has 0.2 of the billed roles and 0.4 of the people on the images shown: ln 2 = 0.6931.
    """
    groups, shown, billed, counted = cast_of_rows(gallery, given)
    both = gallery.by_subject(np.hstack([shown, billed]) * counted[:, None])
    members = np.hstack([np.ones((gallery.subjects, 1)), gallery.members()])
    reached = gallery.by_subject(counted[:, None]) > 0
    names = (None, *(f"cohort = {name}" for name in gallery.cohorts))
    spread = (members[:, :, None] * both[:, None, :]).reshape(gallery.subjects, len(names), 2, len(groups))
    top, bottom = (spread[:, :, side].reshape(gallery.subjects, -1) for side in (0, 1))
    width = top.shape[1]
    total = (members.T @ gallery.by_subject(counted[:, None])).repeat(len(groups))
    # Other subjects add their own share to that of the group shown; a logarithm magnifies it by one over that.
    mass = top.sum(axis=0)
    spans = np.divide(total, mass, out=np.full(mass.size, _LARGEST), where=mass * _LARGEST > total)
    cells = [
        Cell(n=int(n), span=float(span), category=group, group=name, target=0.0)
        for (name, group), n, span in zip(
            ((name, group) for name in names for group in groups),
            np.repeat((members * reached).sum(axis=0), len(groups)),
            spans,
            strict=True,
        )
    ]

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        logarithm: NDArray[np.inexact] = np.log(means[..., :width] / means[..., width:])
        return logarithm

    return Smooth(cells=tuple(cells), channels=np.hstack([top, bottom]), value_of=value_of)


def cast_of_rows(gallery: Gallery, given: ArtworkInput) -> tuple[tuple[str, ...], Floats, Floats, Floats]:
    """Groups; share of each among the people shown and among the billed roles, (rows, groups); which rows count.

    Everybody on an image counts alike; an image of nobody, and a title without cast, counts in neither.
    """
    if given.cast is None or given.pictured is None:
        msg = "representation needs a cast and who is pictured"
        raise ValueError(msg)
    groups = tuple(sorted(set(given.cast["group"].to_pylist())))
    billed = np.zeros((len(gallery.titles), len(groups)))
    title, group = codes(given.cast["title"], gallery.titles), codes(given.cast["group"], groups)
    np.add.at(billed, (title[title >= 0], group[title >= 0]), np.asarray(given.cast["share"])[title >= 0])
    billed /= np.maximum(billed.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    names = sorted(image_keys(given.images))
    on_image = codes(pa.chunked_array([pa.array(image_keys(given.pictured), pa.string())]), names)
    place = {person: at for at, person in enumerate(_people(given.cast))}
    of_group = group[[place[person] for person in _people(given.pictured)]]
    shown = np.zeros((len(names), len(groups)))
    np.add.at(shown, (on_image, of_group), 1.0)
    counted = (shown.sum(axis=1) > 0).astype(np.float64)
    shown /= np.maximum(shown.sum(axis=1, keepdims=True), 1.0)
    return groups, shown[gallery.image], billed[gallery.title], counted[gallery.image]


def _people(table: pa.Table) -> list[tuple[str, str]]:
    return list(zip(table["title"].to_pylist(), table["person"].to_pylist(), strict=True))


def _by_cohort(
    gallery: Gallery,
    rows: Floats,
    counted: Floats,
    categories: tuple[str, ...],
    *,
    span: float = 2.0,
    target: float | None = 0.0,
) -> Smooth:
    """Cells by cohort and category: sum of ``rows`` over the cohort / number of rows that count."""
    members = gallery.members()
    sums, sizes = gallery.by_subject(rows), gallery.by_subject(counted[:, None])
    cells = [
        Cell(n=int(n), span=span, category=category, group=f"cohort = {cohort}", target=target)
        for cohort, n in zip(gallery.cohorts, (members * (sizes > 0)).sum(axis=0), strict=True)
        for category in categories
    ]
    top = (members[:, :, None] * sums[:, None, :]).reshape(gallery.subjects, -1)
    return ratios(cells, top, np.repeat(members * sizes, len(categories), axis=1))


def _uniform_shares(gallery: Gallery) -> Floats:
    """Share of each category among a title's eligible images, (titles, categories)."""
    counts = np.zeros((len(gallery.titles), len(gallery.categories)))
    np.add.at(counts, (gallery.title_of, gallery.category_of), 1.0)
    shares: Floats = counts / counts.sum(axis=1, keepdims=True)
    return shares


def _indicator(found: Ints, width: int) -> Floats:
    belongs: NDArray[np.bool_] = found[:, None] == np.arange(width)
    return belongs.astype(np.float64)
