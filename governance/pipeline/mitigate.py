"""Exposure prices for a model that the gate refused, fitted so that the policy's exposure rules hold.

The lists that prices are fitted on belong to synthetic subjects drawn from the release, so the prices are
post-processing of it and its guarantee covers them. Whether they do what they should is found out by auditing real,
held-out subjects.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import pyarrow as pa

from audits.categories import Categories, categories_of
from audits.mitigation.held_out import ACTIVITY, HeldOut, activity_tiers
from audits.mitigation.page import render_mitigation
from audits.mitigation.price_report import report_on
from audits.mitigation.prices import PriceFit, fit_prices
from audits.mitigation.report import MitigationReport
from audits.tables import Membership
from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.errors import Conflict, EmptySnapshot
from governance.pipeline.artefacts import load_recommender, load_registered_release, save_model
from governance.pipeline.attesting import Attesting, attest_mitigation
from governance.pipeline.audit import held_out_interactions
from governance.pipeline.catalogue import catalogue_digest, load_catalogue
from governance.pipeline.declared import declared_groups
from governance.pipeline.home import Home
from governance.pipeline.pricing import limited_categories, price_file
from governance.pipeline.scored import caveats, named_groups, resampling_of
from governance.policy.rules import FairnessPolicy, attention_of
from governance.registry.lineage import get_release
from governance.registry.models import find_by_digest, get_model, register_model
from governance.registry.tables import Model
from pseudonymisation.durable import write_atomically
from pseudonymisation.sources.source import Catalogue
from recommender.denoise import denoise
from recommender.features import features_from
from recommender.interactions import Interactions
from recommender.linear_model import ItemPrices, price_items
from recommender.price_file import PriceFile, price_file_bytes
from recommender.release import Release
from recommender.serving import Recommender
from recommender.split import fold_in
from recommender.synthetic import draw_histories

if TYPE_CHECKING:
    from governance.ledger.canonical import Json

Progress = Callable[[int, int], None]
Name = tuple[str, str]
"""Attribute and category."""

SYNTHETIC_SUBJECTS = 1500
MOST_CELLS = 100_000_000
"""Scores that a report on held-out subjects looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mitigated:
    """The priced model, how the fit went, and the prices by ``attribute=category``.

    ``report`` measures them on held-out subjects; None where there is nobody to measure on. ``files`` names what was
    written below the home: the prices, and the report as JSON and as a page.
    """

    model: Model
    fit: PriceFit
    prices: dict[str, float]
    report: MitigationReport | None
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Priced:
    """A fit, and the categories that it is about: of the model's items, with the whole catalogue's shares."""

    fit: PriceFit
    known: Categories
    catalogue_shares: np.ndarray


def mitigate(
    home: Home, model_id: UUID, *, mitigated_id: UUID, author: Principal, progress: Progress | None = None
) -> Mitigated:
    """Register a copy of the model with one price per category that an exposure rule speaks of.

    The price file and the report are stored below the home, and the ledger's entry names their digests. Where the same
    model with the same prices is registered, it is given back, and nothing is written.

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
    found = _fit(recommender, load_registered_release(home, release), catalogue, policy, progress)
    prices = {
        f"{attribute}={category}": price for (attribute, category), price in found.fit.price_of().items() if price
    }
    priced = recommender.model.with_prices(_laid_out(recommender.model.items, found.known, prices))
    with home.transaction() as session:
        known = find_by_digest(session, priced.digest)
    if known is not None:
        return Mitigated(model=known, fit=found.fit, prices=prices, report=None, files=())
    path, report = save_model(home, priced), _report(home, recommender, found, policy)
    inputs = {"release": release.digest, "model": parent.digest, "catalogue": catalogue_digest(catalogue)}
    stored = _store(
        home, mitigated_id, price_file(found.fit, home.policies.fairness, inputs, unit="relative score"), report
    )
    price_digest = stored[f"prices/{mitigated_id}.json"]
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
            price_file=price_digest,
            mitigation_report=stored.get(f"prices/{mitigated_id}.report.json"),
        )
        by = Attesting(session=session, home=home)
        attest_mitigation(
            by, model, parent, release, internal=_settings(prices, price_digest, policy), started_at=started_at
        )
    return Mitigated(model=model, fit=found.fit, prices=prices, report=report, files=tuple(stored))


def _settings(prices: Mapping[str, float], price_file: str, policy: FairnessPolicy) -> "Mapping[str, Json]":
    """What a fit depended on besides its inputs, and what came of it, for the attestation."""
    return {
        "prices": dict(prices),
        "priceFile": price_file,
        "seed": policy.seed,
        "syntheticSubjects": SYNTHETIC_SUBJECTS,
    }


def can_be_priced(home: Home) -> bool:
    """Whether any exposure rule of the policy in force speaks of a category of the catalogue."""
    catalogue = load_catalogue(home.settings.folder("catalogue"))
    try:
        limited_categories(
            Membership(catalogue.categories), catalogue.items["item"].to_pylist(), home.policies.fairness.value
        )
    except Conflict:
        return False
    return True


def _fit(
    recommender: Recommender,
    release: Release,
    catalogue: Catalogue,
    policy: FairnessPolicy,
    progress: Progress | None,
) -> _Priced:
    membership, items = Membership(catalogue.categories), recommender.model.items
    whole, lower, upper = limited_categories(membership, catalogue.items["item"].to_pylist(), policy)
    # The model leaves out items that were watched too little, and with them perhaps a category.
    known = categories_of(membership, items, list(dict.fromkeys(attribute for attribute, _ in whole.names)))
    place = [whole.names.index(name) for name in known.names]
    denoised = denoise(release, features_from(catalogue.categories))
    histories = draw_histories(denoised, SYNTHETIC_SUBJECTS, rng=np.random.default_rng(policy.seed))
    fit = fit_prices(
        recommender.scores(histories, relative=True),
        known.groups,
        known.names,
        attention_of(policy.attention).weights(policy.list_length),
        lower[place],
        upper[place],
        excluded=_watched(histories, items),
        progress=progress,
    )
    return _Priced(fit=fit, known=known, catalogue_shares=whole.catalogue_shares[place])


def _report(home: Home, recommender: Recommender, found: _Priced, policy: FairnessPolicy) -> MitigationReport | None:
    """What the prices do to real subjects whom no training saw, as an audit chooses them."""
    try:
        everyone = held_out_interactions(home)
    except EmptySnapshot:
        return None
    items = recommender.model.items
    # A list as long as the policy's must be left for each of them.
    open_items = len(items) - np.diff(everyone.on_items(items).matrix.indptr)
    enough = np.flatnonzero(open_items >= policy.list_length)[: max(1, MOST_CELLS // len(items))]
    if not enough.size:
        return None
    shown, targets = fold_in(everyone.rows(enough), rng=np.random.default_rng(policy.seed))
    return report_on(
        found.fit,
        found.known.groups,
        found.catalogue_shares,
        attention_of(policy.attention).weights(policy.list_length),
        HeldOut(
            subjects=shown.subjects,
            scores=recommender.scores(shown, relative=True),
            excluded=_watched(shown, items),
            groups=named_groups(declared_groups(home, shown.subjects), shown.subjects)
            | {ACTIVITY: activity_tiers(shown.lengths)},
            targets=_watched(targets, items),
        ),
        resampling=resampling_of(policy),
        caveats=caveats(quality=True),
    )


def _watched(histories: Interactions, items: tuple[str, ...]) -> np.ndarray:
    watched: np.ndarray = histories.on_items(items).matrix.toarray() > 0
    return watched


def _store(home: Home, model_id: UUID, prices: PriceFile, report: MitigationReport | None) -> Mapping[str, str]:
    """Write what serving and reviewers read; the SHA-256 of each file by its place below the home."""
    name = f"prices/{model_id}.json"
    contents = {name: price_file_bytes(prices, name)}
    if report is not None:
        page = render_mitigation(report, title=f"Exposure prices of model {model_id}")
        contents |= {
            f"prices/{model_id}.report.json": report.to_json(),
            f"prices/{model_id}.report.html": page.encode(),
        }
    home.folder("prices")
    for place, content in contents.items():
        write_atomically(home.settings.home / place, content)
    return {place: sha256(content).hexdigest() for place, content in contents.items()}


def _laid_out(items: tuple[str, ...], known: Categories, prices: dict[str, float]) -> ItemPrices:
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
