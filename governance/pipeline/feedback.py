"""A registered model in a simulated feedback loop: on subjects who are nobody, or on those it was never trained on.

The model stays as it is registered, and scores histories anew as they grow; what it was trained on is not simulated.
Synthetic subjects are drawn from the model's release: nobody's data is read, and what comes out may go anywhere.
Held-out subjects are read for audits, as everywhere, and only figures about all of them together come out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from scipy.sparse import csr_array

from audits.categories import attribute_of
from audits.errors import InvalidConfig
from audits.evidence import ABSENT
from audits.feedback import LoopSettings, Recommend
from audits.feedback_report import FeedbackReport, audit_feedback
from audits.tables import Membership, codes
from governance.errors import EmptySnapshot
from governance.pipeline.artefacts import load_recommender, load_registered_release
from governance.pipeline.audit import held_out_interactions
from governance.pipeline.catalogue import load_catalogue
from governance.pipeline.home import Home
from governance.registry.lineage import get_release
from governance.registry.models import get_model
from governance.registry.tables import Model
from pseudonymisation.sources.source import Catalogue
from recommender.denoise import denoise
from recommender.features import features_from
from recommender.interactions import Interactions, ones
from recommender.serving import Recommender
from recommender.synthetic import draw_histories

if TYPE_CHECKING:
    from scipy import sparse

Progress = Callable[[int, int], None]

SYNTHETIC, HELD_OUT = "synthetic, drawn from the release", "held out from training"
NOT_RETRAINED = "The model is not trained again on what was chosen: it scores histories that grow."
AS_DRAWN = "Synthetic subjects have the tastes that the release shows, which noise and a cap on histories blur."


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopOf:
    """On whom a model's loop runs.

    Attributes:
        synthetic: how many subjects are drawn; None takes those who were held out.
        seed: of the draw.
        attributes: of the catalogue that taste goes by; None takes all.
        k: ranks of a list.
    """

    synthetic: int | None
    seed: int
    attributes: Sequence[str] | None
    k: int


def simulate_model(
    home: Home, model_id: UUID, *, on: LoopOf, settings: LoopSettings, progress: Progress | None = None
) -> FeedbackReport:
    """Run the loop with a registered model, and with baselines, over the home's whole catalogue.

    Nothing is stored: equal arguments give equal figures.

    Raises:
        NotFound: no such model.
        CorruptArtefact: the files are not those that were registered.
        EmptySnapshot: fewer held-out subjects than what may leave the building is made from.
        InvalidConfig: an attribute that the catalogue lacks.
    """
    with home.transaction() as session:
        model = get_model(session, model_id)
    catalogue = load_catalogue(home.settings.folder("catalogue"))
    items = tuple(sorted(catalogue.items["item"].to_pylist()))
    membership = Membership(catalogue.categories)
    asked = membership.attributes if on.attributes is None else tuple(dict.fromkeys(on.attributes))
    if unknown := sorted(set(asked) - set(membership.attributes)):
        msg = f"attributes: expected some of {', '.join(membership.attributes)}, got {', '.join(unknown)}"
        raise InvalidConfig(msg)
    found = _held_out(home) if on.synthetic is None else _synthetic(home, model, catalogue, on)
    histories = found.on_items(items)
    return audit_feedback(
        csr_array(histories.matrix).astype(np.float64),
        recommending(load_recommender(home, model), histories, on.k),
        name=f"{model.kind} {str(model.id)[:8]}",
        subjects_from=HELD_OUT if on.synthetic is None else SYNTHETIC,
        attributes=[attribute_of(membership, items, name) for name in asked],
        settings=settings,
        k=on.k,
        caveats=(NOT_RETRAINED,) if on.synthetic is None else (NOT_RETRAINED, AS_DRAWN),
        progress=progress,
    )


def recommending(recommender: Recommender, histories: Interactions, k: int) -> Recommend:
    """The recommender as a loop asks it: grown histories in, positions of titles on their item axis out."""

    def recommend(grown: "sparse.csr_array", _: np.random.Generator) -> np.ndarray:
        rows, columns = grown.nonzero()
        asked = replace(histories, matrix=ones(rows, columns, grown.shape), times=None, importance=None)
        found = recommender.recommend(asked, k)
        lists = np.full((grown.shape[0], k), ABSENT, dtype=np.int64)
        place = codes(found["subject"], histories.subjects), np.asarray(found["rank"], dtype=np.int64) - 1
        lists[place] = codes(found["item"], histories.items)
        return lists

    return recommend


def _synthetic(home: Home, model: Model, catalogue: Catalogue, on: LoopOf) -> Interactions:
    with home.transaction() as session:
        record = get_release(session, model.release)
    rng = np.random.default_rng(on.seed)
    denoised = denoise(load_registered_release(home, record), features_from(catalogue.categories))
    return draw_histories(denoised, on.synthetic or 0, rng=rng)


def _held_out(home: Home) -> Interactions:
    found, least = held_out_interactions(home), home.policies.fairness.value.disclose_at_least
    if len(found.subjects) < least:
        msg = f"held-out subjects: expected {least} or more, as figures about fewer are not given out, got fewer"
        raise EmptySnapshot(msg)
    return found
