"""Serving: the deployed model's list for one subject, with the exact reasons."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from governance.clock import Clock
from governance.consent.state import allowed
from governance.errors import Conflict, InvalidInput, NotFound
from governance.gate.records import require_passed
from governance.pipeline.artefacts import load_recommender
from governance.pipeline.catalogue import artworks_of, available_in, load_catalogue, titles_of
from governance.pipeline.home import Home
from governance.pipeline.interactions import read_interactions
from governance.registry.models import get_model, serving
from governance.registry.tables import Model
from pseudonymisation.identifiers import Identity
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.sources.source import Catalogue
from recommender.artwork import Choice, choose_artwork
from recommender.context import slot_of
from recommender.eligibility import Eligibility, ages_from
from recommender.explanation import Explanation, Reason
from recommender.features import features_from
from recommender.model import Model as ServedModel
from recommender.non_profiling import non_profiling
from recommender.serving import Recommender

PURPOSE = "personalised_recommendations"
IMPERSONAL = (Reason.NOT_PROFILED, Reason.NO_HISTORY, Reason.NO_KNOWN_HISTORY)
"""Where there is nothing to go by, or nothing may be: these lists are the same for all whom they are for."""
MOST_REASONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What a list is asked for. None of it is learnt about the subject.

    Attributes:
        at: the moment, aware, in the time zone of whoever looks; None is now, in UTC.
        max_age: titles for older people than this are left out, as the profile's owner set it.
        market: only titles that may be shown there.
        rng: draws the images where the catalogue has any; without it none is chosen.
    """

    at: datetime | None = None
    max_age: int | None = None
    market: str | None = None
    rng: np.random.Generator | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommended:
    """One title of a list.

    ``because`` holds (title, share of what the history adds), the largest first. ``artwork`` is the image to show it
    with and the chance that this one had, where there are several to choose from.
    """

    rank: int
    item: str
    title: str
    score: float
    because: tuple[tuple[str, float], ...]
    prices: tuple[tuple[str, float], ...]
    reason: str
    artwork: Choice | None = None


def recommend_to(home: Home, identity: Identity, k: int, occasion: Occasion | None = None) -> list[Recommended]:
    """The deployed model's list for the subject with this identity.

    A subject who has not consented to personal recommendations gets the list that uses nothing about them, and is
    told so; so is who has watched nothing that the model knows. It is popular titles that differ from each other.

    Raises:
        NotFound: nobody has this identity.
        Conflict: nothing is deployed.
        InvalidInput: the catalogue does not say what the occasion asks: no ages, or no such market.
    """
    subject, consent = (home.vault.find(identity, domain=domain) for domain in ("events", "consent"))
    if subject is None or consent is None:
        msg = "no subject has this identifier"
        raise NotFound(msg)
    with home.transaction() as session:
        personal = allowed(session, PURPOSE, [consent], policy=home.policies.purposes.value)[0]
        model = deployed_model(session, clock=home.clock)
    history = _history(home, subject) if personal else None
    return list_for(home, load_recommender(home, model), history, k, occasion)


def deployed_model(session: Session, *, clock: Clock) -> Model:
    """The model that serves, after a look at its gate decision.

    Raises:
        Conflict: nothing is deployed, the gate no longer passes what is, or its pass is too old.
    """
    deployment = serving(session)
    if deployment is None:
        msg = "nothing is deployed: a model serves after the gate has passed it and the board approved it"
        raise Conflict(msg)
    model = get_model(session, deployment.model_id)
    require_passed(session, model, clock=clock)
    return model


def list_for(
    home: Home, recommender: Recommender, history: Sequence[str] | None, k: int, occasion: Occasion | None = None
) -> list[Recommended]:
    """The list for one history, with reasons; None stands for whoever has not agreed to be profiled.

    Raises:
        InvalidInput: the catalogue does not say what the occasion asks: no ages, or no such market.
    """
    asked = occasion or Occasion()
    catalogue = load_catalogue(home.settings.folder("catalogue"))
    available = None if asked.market is None else available_in(catalogue, asked.market)
    eligible = None if asked.max_age is None else _up_to(asked.max_age, catalogue)
    watched, profiled = history or (), history is not None
    if recommender.reason(watched, profiled=profiled) in IMPERSONAL:
        context, items = None, _impersonal(recommender.model, k, catalogue, available, eligible)
    else:
        # Slots are learnt from stored events, whose hours are UTC.
        context = slot_of((asked.at or home.clock()).astimezone(UTC))
        listed = recommender.recommend_one(watched, k, available=available, eligible=eligible, context=context)
        items = tuple(each.item for each in listed)
    why = [recommender.explain(watched, item, context=context, profiled=profiled) for item in items]
    chosen, titles = _artworks(catalogue, items, asked.rng), titles_of(catalogue)
    return [_recommended(rank, each, titles, chosen.get(each.item)) for rank, each in enumerate(why, 1)]


def recommendations_for_access(home: Home, k: int) -> Any:  # noqa: ANN401 - the callable that `rights.work.Tools` describes
    """What an access answer says about recommendations: today's list with its reasons, or why there is none."""

    def answer(session: Session, subject: Pseudonym) -> Any:  # noqa: ANN401 - JSON
        try:
            model = deployed_model(session, clock=home.clock)
        except Conflict:
            return []
        consent = home.vault.translate([subject], source="events", target="consent")[subject]
        personal = allowed(session, PURPOSE, [consent], policy=home.policies.purposes.value)[0]
        history = _history(home, subject) if personal else None
        listed = list_for(home, load_recommender(home, model), history, k)
        return [
            {
                "rank": each.rank,
                "title": each.title,
                "score": each.score,
                "reason": each.reason,
                "because": [{"title": title, "share": share} for title, share in each.because],
                "prices": [{"category": category, "amount": amount} for category, amount in each.prices],
            }
            for each in listed
        ]

    return answer


def _history(home: Home, subject: Pseudonym) -> list[str]:
    items: list[str] = read_interactions(home, [subject], purpose=PURPOSE)["item"].to_pylist()
    return items


def _impersonal(
    model: ServedModel, k: int, catalogue: Catalogue, available: Collection[str] | None, eligible: Eligibility | None
) -> tuple[str, ...]:
    """The list that uses nothing about anyone; neither does it use the hour."""
    unfit = np.zeros(len(model.items), dtype=bool)
    if eligible is not None:
        unfit = eligible.levels_of(model.items) > eligible.limits_of(("",))
    open_to_all = [
        item
        for item, closed in zip(model.items, unfit, strict=True)
        if not closed and (available is None or item in available)
    ]
    return non_profiling(model, k, features=features_from(catalogue.categories), eligible=set(open_to_all)).titles


def _up_to(max_age: int, catalogue: Catalogue) -> Eligibility:
    ages = ages_from(catalogue.categories)
    if not ages:
        msg = "max age: expected a catalogue that says for which age its titles are, got one without maturity"
        raise InvalidInput(msg)
    return Eligibility(levels=ages, limits=float(max_age))


def _artworks(catalogue: Catalogue, items: Sequence[str], rng: np.random.Generator | None) -> Mapping[str, Choice]:
    """An image for each title that has any. Nothing is known of how they do, so all have the same chance."""
    if rng is None:
        return {}
    images = artworks_of(catalogue)
    return {item: choose_artwork(item, dict.fromkeys(images[item], 0.0), rng=rng) for item in items if item in images}


def _recommended(rank: int, explanation: Explanation, titles: Mapping[str, str], artwork: Choice | None) -> Recommended:
    parts = [part for part in explanation.parts if part.share > 0][:MOST_REASONS]
    return Recommended(
        rank=rank,
        item=explanation.item,
        title=titles.get(explanation.item, explanation.item),
        score=explanation.score,
        because=tuple((titles.get(part.item, part.item), part.share) for part in parts),
        prices=explanation.by_category,
        reason=str(explanation.reason),
        artwork=artwork,
    )
