"""Exposure prices for a model that the gate refused, fitted so that the policy's exposure rules hold.

The lists that prices are fitted on belong to synthetic subjects drawn from the release, so the prices are
post-processing of it and its guarantee covers them. Whether they do what they should is found out by auditing real,
held-out subjects.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import pyarrow as pa

from audits.categories import Categories, categories_of
from audits.mitigation import PriceFit, fit_prices
from audits.tables import Membership
from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.errors import Conflict
from governance.pipeline.artefacts import load_recommender, load_registered_release, save_model
from governance.pipeline.attesting import Attesting, attest_mitigation
from governance.pipeline.catalogue import load_catalogue
from governance.pipeline.home import Home
from governance.policy.rules import FairnessPolicy, FairnessRule, attention_of
from governance.registry.lineage import get_release
from governance.registry.models import get_model, register_model
from governance.registry.tables import Model
from pseudonymisation.sources.source import Catalogue
from recommender.denoise import denoise
from recommender.features import features_from
from recommender.linear_model import ItemPrices, price_items
from recommender.release import Release
from recommender.serving import Recommender
from recommender.synthetic import draw_histories

Progress = Callable[[int, int], None]
Name = tuple[str, str]
"""Attribute and category."""

SYNTHETIC_SUBJECTS = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Mitigated:
    """The priced model, how the fit went, and the prices by ``attribute=category``."""

    model: Model
    fit: PriceFit
    prices: dict[str, float]


def mitigate(
    home: Home, model_id: UUID, *, mitigated_id: UUID, author: Principal, progress: Progress | None = None
) -> Mitigated:
    """Register a copy of the model with one price per category that an exposure rule speaks of.

    Raises:
        NotFound: no such model.
        Conflict: the policy has no exposure rule that applies to this catalogue.
        InfeasibleLimits, PriceAtBox: no prices can meet the rules.
    """
    started_at = home.clock()
    with home.transaction() as session:
        parent = get_model(session, model_id)
        release = get_release(session, parent.release)
    recommender, policy = load_recommender(home, parent), home.policies.fairness.value
    catalogue = load_catalogue(home.settings.folder("catalogue"))
    fit = _fit(recommender, load_registered_release(home, release), catalogue, policy, progress)
    prices = {f"{attribute}={category}": price for (attribute, category), price in fit.price_of().items() if price}
    priced = recommender.model.with_prices(_laid_out(recommender.model.items, catalogue, prices, policy))
    path = save_model(home, priced)
    with home.transaction() as session:
        model = register_model(
            session,
            parent.kind,
            priced.digest,
            model_id=mitigated_id,
            release=release,
            author=author,
            path=path,
            actor=actor_of(author),
            clock=home.clock,
            parent=parent,
            prices=prices,
        )
        attest_mitigation(
            Attesting(session=session, home=home),
            model,
            parent,
            release,
            internal={"prices": prices, "seed": policy.seed, "syntheticSubjects": SYNTHETIC_SUBJECTS},
            started_at=started_at,
        )
    return Mitigated(model=model, fit=fit, prices=prices)


def exposure_limits(whole: Categories, policy: FairnessPolicy) -> dict[Name, tuple[float, float]]:
    """Floor and ceiling of each category's share of the attention, at what the rules aim at.

    ``whole`` are the categories of the whole catalogue.
    """
    limits = {}
    for name, catalogue_share in zip(whole.names, whole.catalogue_shares, strict=True):
        lower, upper = 0.0, 1.0
        for rule in policy.rules:
            if _covers(rule, name, float(catalogue_share)):
                scale = float(catalogue_share) if rule.metric == "exposure_ratio" else 1.0
                floor, ceiling = rule.aims
                if floor is not None:
                    lower = max(lower, min(floor * scale, 1.0))
                if ceiling is not None:
                    upper = min(upper, ceiling * scale)
        limits[name] = (lower, upper)
    return limits


def _fit(
    recommender: Recommender,
    release: Release,
    catalogue: Catalogue,
    policy: FairnessPolicy,
    progress: Progress | None,
) -> PriceFit:
    attributes, membership = _attributes(catalogue, policy), Membership(catalogue.categories)
    limits = _limits(catalogue, policy)
    if not limits:
        msg = "no exposure rule of fairness.yaml applies to this catalogue: there is nothing to price"
        raise Conflict(msg)
    denoised = denoise(release, features_from(catalogue.categories))
    histories = draw_histories(denoised, SYNTHETIC_SUBJECTS, rng=np.random.default_rng(policy.seed))
    items = recommender.model.items
    known = categories_of(membership, items, attributes)
    return fit_prices(
        recommender.scores(histories, relative=True),
        known.groups,
        known.names,
        attention_of(policy.attention).weights(policy.list_length),
        np.array([limits[name][0] for name in known.names]),
        np.array([limits[name][1] for name in known.names]),
        excluded=histories.on_items(items).matrix.toarray() > 0,
        progress=progress,
    )


def can_be_priced(home: Home) -> bool:
    """Whether any exposure rule of the policy in force speaks of a category of the catalogue."""
    return bool(_limits(load_catalogue(home.settings.folder("catalogue")), home.policies.fairness.value))


def _limits(catalogue: Catalogue, policy: FairnessPolicy) -> dict[Name, tuple[float, float]]:
    """Floor and ceiling of every category; empty where none has either."""
    attributes = _attributes(catalogue, policy)
    if not attributes:
        return {}
    whole = categories_of(Membership(catalogue.categories), catalogue.items["item"].to_pylist(), attributes)
    limits = exposure_limits(whole, policy)
    return limits if any(lower > 0 or upper < 1 for lower, upper in limits.values()) else {}


def _attributes(catalogue: Catalogue, policy: FairnessPolicy) -> list[str]:
    present = set(catalogue.categories["attribute"].to_pylist())
    return sorted({rule.attribute for rule in policy.rules if rule.attribute} & present)


def _covers(rule: FairnessRule, name: Name, catalogue_share: float) -> bool:
    attribute, category = name
    asked = rule.level == "error" and rule.metric in {"exposure_share", "exposure_ratio"} and rule.group is None
    if not asked or rule.attribute != attribute or rule.category not in {None, category}:
        return False
    return rule.category is not None or catalogue_share >= rule.min_catalogue_share


def _laid_out(
    items: tuple[str, ...], catalogue: Catalogue, prices: dict[str, float], policy: FairnessPolicy
) -> ItemPrices:
    known = categories_of(Membership(catalogue.categories), items, _attributes(catalogue, policy))
    rows, columns = known.groups.nonzero()
    names = [f"{attribute}={category}" for attribute, category in known.names]
    table = pa.table(
        {
            "item": [items[row] for row in rows],
            "category": [names[column] for column in columns],
            "weight": known.groups[rows, columns],
        }
    )
    return price_items(items, table, prices, attribute="exposure rules")
