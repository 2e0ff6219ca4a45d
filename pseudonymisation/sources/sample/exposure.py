"""Who was shown what, where on the page, and what they did: the past recommender and its bias live here.

The past recommender ranked by a noisy estimate of taste plus fame, and took ``burial`` off the score of titles of the
buried origin. So they were shown less often and lower on the page, were watched less, and look less popular than they
are. Given the same place, subjects like them as much as any other: ``liking`` has the same spread within every
origin.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pseudonymisation.sources.sample.settings import SampleSettings
from pseudonymisation.sources.sample.subjects import Population
from pseudonymisation.sources.sample.titles import Floats, Ints, Titles

PER_ROW = 6
PER_PAGE = 24
"""A session shows one page of four rows."""

SUBJECTS_AT_A_TIME = 2_000
"""Bounds memory: the scores of that many subjects over all titles are held at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impressions:
    """Each title a subject was shown, once: parallel columns ordered by subject, session, place on the page.

    ``session`` numbers sessions over all subjects from 0, ``session_subject`` says whose each is; ``liking`` is the
    subject's true taste for the title in standard deviations; ``viewed`` whether they watched.
    """

    subject: Ints
    title: Ints
    session: Ints
    place: Ints
    liking: Floats
    viewed: npt.NDArray[np.bool_]
    session_subject: Ints

    @property
    def row(self) -> Ints:
        """The row on the page, 0 at the top."""
        return self.place // PER_ROW

    @property
    def position(self) -> Ints:
        """The position in the row, 0 at the left."""
        return self.place % PER_ROW


def make_impressions(
    rng: np.random.Generator, settings: SampleSettings, titles: Titles, population: Population
) -> Impressions:
    """Lets the past recommender fill everybody's pages, and everybody look at them."""
    parts = [
        _ranked(rng, settings, titles, population, np.arange(first, min(first + SUBJECTS_AT_A_TIME, settings.subjects)))
        for first in range(0, settings.subjects, SUBJECTS_AT_A_TIME)
    ]
    subject, title, score, liking = (np.concatenate(column) for column in zip(*parts, strict=True))
    session = _sessions(rng, subject)
    order = np.lexsort((-score, session))
    subject, title, session, liking = subject[order], title[order], session[order], liking[order]
    place = rank_within(session)
    return Impressions(
        subject=subject,
        title=title,
        session=session,
        place=place,
        liking=liking,
        viewed=rng.random(len(place)) < view_probability(liking, place),
        session_subject=subject[_starts(session)],
    )


def view_probability(liking: Floats, place: Ints) -> Floats:
    """The chance that a subject watches what stands at ``place``: attention falls along the page, then taste."""
    attention = 1 / ((1 + 0.35 * (place // PER_ROW)) * (1 + 0.06 * (place % PER_ROW)))
    return np.asarray(0.85 * attention / (1 + np.exp(0.75 - 1.7 * liking)))


def _ranked(
    rng: np.random.Generator, settings: SampleSettings, titles: Titles, population: Population, rows: Ints
) -> tuple[Ints, Ints, Floats, Floats]:
    """(subject, title, score, liking) of what the past recommender chose for the subjects ``rows``."""
    liking = _liking(rng, titles, population, rows)
    estimate = liking + 0.7 * rng.normal(size=liking.shape)
    score = 0.75 * estimate + 0.45 * titles.fame + 0.2 * titles.quality - settings.burial * titles.buried
    score += 0.5 * rng.gumbel(size=liking.shape)
    best = np.argsort(-score, axis=1)
    chosen = np.arange(settings.titles)[None, :] < population.shown[rows, None]
    title = best[chosen]
    row = np.repeat(np.arange(len(rows)), population.shown[rows])
    return rows[row], title, score[row, title], liking[row, title]


def _liking(rng: np.random.Generator, titles: Titles, population: Population, rows: Ints) -> Floats:
    """True taste, mean 0 and spread 1 within each subject: genres, style, quality, and a rest nobody can predict."""
    taste = _standard(population.genres[rows] @ titles.genres.T) + _standard(population.styles[rows] @ titles.styles.T)
    return _standard(taste + 0.35 * titles.quality + 0.4 * rng.normal(size=taste.shape))


def _standard(values: Floats) -> Floats:
    spread = np.maximum(values.std(axis=1, keepdims=True), 1e-9)
    return np.asarray((values - values.mean(axis=1, keepdims=True)) / spread)


def _sessions(rng: np.random.Generator, subject: Ints) -> Ints:
    """A session number for each impression: a subject's titles dealt at random into pages of ``PER_PAGE``."""
    order = np.lexsort((rng.random(len(subject)), subject))
    page = np.empty_like(subject)
    page[order] = rank_within(subject[order]) // PER_PAGE
    pages = np.bincount(subject, minlength=int(subject.max()) + 1)
    first = np.concatenate([[0], np.cumsum(-(-pages // PER_PAGE))[:-1]])
    return np.asarray(first[subject] + page)


def _starts(groups: Ints) -> Ints:
    """Where each group begins in a sorted column."""
    return np.flatnonzero(np.diff(groups, prepend=-1))


def rank_within(groups: Ints) -> Ints:
    """0, 1, 2 … within each group of a sorted column."""
    starts = _starts(groups)
    return np.arange(len(groups)) - np.repeat(starts, np.diff(starts, append=len(groups)))
