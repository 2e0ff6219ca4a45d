"""Serving: the deployed model's list for one subject, with the exact reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy.orm import Session

from governance.clock import Clock
from governance.consent.state import allowed
from governance.errors import Conflict, NotFound
from governance.gate.records import require_passed
from governance.pipeline.artefacts import load_recommender
from governance.pipeline.catalogue import load_catalogue, titles_of
from governance.pipeline.home import Home
from governance.pipeline.interactions import read_interactions
from governance.registry.models import get_model, serving
from governance.registry.tables import Model
from pseudonymisation.identifiers import Identity
from pseudonymisation.pseudonym import Pseudonym
from recommender.explanation import Explanation
from recommender.interactions import interactions_from
from recommender.serving import Recommender

PURPOSE = "personalised_recommendations"
MOST_REASONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommended:
    """One title of a list. ``because`` holds (title, share of what the history adds), the largest first."""

    rank: int
    item: str
    title: str
    score: float
    because: tuple[tuple[str, float], ...]
    prices: tuple[tuple[str, float], ...]
    reason: str


def recommend_to(home: Home, identity: Identity, k: int) -> list[Recommended]:
    """The deployed model's list for the subject with this identity.

    A subject who has not consented to personal recommendations gets the list that uses nothing about them.

    Raises:
        NotFound: nobody has this identity.
        Conflict: nothing is deployed.
    """
    subject, consent = (home.vault.find(identity, domain=domain) for domain in ("events", "consent"))
    if subject is None or consent is None:
        msg = "no subject has this identifier"
        raise NotFound(msg)
    with home.transaction() as session:
        personal = allowed(session, PURPOSE, [consent], policy=home.policies.purposes.value)[0]
        model = deployed_model(session, clock=home.clock)
    history = _history(home, subject) if personal else []
    return list_for(home, load_recommender(home, model), history, k)


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


def list_for(home: Home, recommender: Recommender, history: Sequence[str], k: int) -> list[Recommended]:
    """The list for one history, with reasons."""
    from_history = {"subject": ["one"] * len(history), "item": list(history)}
    catalogue = load_catalogue(home.settings.folder("catalogue"))
    table = pa.table(from_history, schema=pa.schema([("subject", pa.string()), ("item", pa.string())]))
    histories = interactions_from(table, catalogue.items["item"].to_pylist(), subjects=["one"])
    titles = titles_of(catalogue)
    rows = recommender.recommend(histories, k).to_pylist()
    return [_recommended(row, recommender.explain(history, row["item"]), titles) for row in rows]


def recommendations_for_access(home: Home, k: int) -> Any:  # noqa: ANN401 - the callable that `rights.work.Tools` describes
    """What an access answer says about recommendations: today's list with its reasons, or why there is none."""

    def answer(session: Session, subject: Pseudonym) -> Any:  # noqa: ANN401 - JSON
        try:
            model = deployed_model(session, clock=home.clock)
        except Conflict:
            return []
        consent = home.vault.translate([subject], source="events", target="consent")[subject]
        personal = allowed(session, PURPOSE, [consent], policy=home.policies.purposes.value)[0]
        history = _history(home, subject) if personal else []
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


def _recommended(row: dict[str, Any], explanation: Explanation, titles: dict[str, str]) -> Recommended:
    parts = [part for part in explanation.parts if part.share > 0][:MOST_REASONS]
    return Recommended(
        rank=row["rank"],
        item=row["item"],
        title=titles.get(row["item"], row["item"]),
        score=float(row["score"]),
        because=tuple((titles.get(part.item, part.item), part.share) for part in parts),
        prices=explanation.by_category,
        reason=str(explanation.reason),
    )
