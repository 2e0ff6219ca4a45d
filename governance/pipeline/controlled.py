"""Prices that a controller corrects while serving: the file, its report on held-out subjects, and how it is served.

Serving is ``controlled(prices, ...)``, a state to begin with, and ``serve_next`` of ``audits.mitigation.online`` for
each subject.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np

from audits.categories import categories_of
from audits.errors import InvalidConfig
from audits.mitigation.compared_lists import Shown
from audits.mitigation.held_out import TIERS, HeldOut
from audits.mitigation.online import Correction, Serving, correction_of
from audits.mitigation.online_report import Turns, report_online, usual_gain
from audits.tables import Membership
from governance.pipeline.pricing import Priced, fit_scored, price_file
from governance.pipeline.scored import Ints, Progress, Scored, caveats, resampling_of
from governance.policy.rules import attention_of
from recommender.errors import BadPrices
from recommender.price_file import Controller, ControllerName, PriceFile

ORDER_SALT = b"probity/mitigation/arrival/v1"
DRAWN = "in an order drawn from their keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerAsked:
    """Which controller, how strongly it corrects (None: as suits the scores), and in which order subjects come.

    ``arrive_by`` names an attribute of the subjects: they come group after group, which is the harder the more groups
    differ in taste. None is an order drawn from their keys.
    """

    name: ControllerName = "owed"
    gain: float | None = None
    arrive_by: str | None = None


def price_with_controller(scored: Scored, asked: ControllerAsked, *, progress: Progress | None = None) -> Priced:
    """Fit prices on most subjects, and serve the others one by one with the controller on these prices.

    Raises:
        InvalidConfig: a gain that is not positive, or an order by what is not known of the subjects.
        Conflict, InvalidConfig, InfeasibleLimits, PriceAtBox: see ``fit_scored``.
    """
    if asked.gain is not None:
        correction_of(asked.name, asked.gain)  # a gain that is none is refused before anything is fitted
    fitted = fit_scored(scored, progress=progress)
    k = scored.policy.value.list_length
    gain = usual_gain(asked.name, fitted.on.scores, k, fitted.on.excluded) if asked.gain is None else asked.gain
    order, words = _arrival(fitted.held_out, asked.arrive_by)
    report = report_online(
        fitted.fit,
        Shown.of(fitted.fit, fitted.whole.groups, fitted.whole.catalogue_shares, scored.attention),
        fitted.held_out,
        Turns(controller=asked.name, gain=gain, order=order, arrival=words),
        resampling=resampling_of(scored.policy.value),
        caveats=caveats(quality=fitted.held_out.targets is not None),
        progress=progress,
    )
    file = replace(
        price_file(fitted.fit, scored.policy, scored.inputs, unit=scored.unit),
        controller=Controller(name=asked.name, gain=gain),
    )
    return Priced(fit=fitted.fit, file=file, report=report)


def controlled(prices: PriceFile, items: Sequence[str], membership: Membership) -> tuple[Serving, Correction]:
    """What ``audits.mitigation.online.serve_next`` takes, from a price file that names a controller.

    Scores given to it are over ``items`` in this order, in the unit of the file.

    Raises:
        BadPrices: a file without a controller, or with a category that no item has.
        InvalidConfig: fewer items than a list has ranks.
    """
    if prices.controller is None:
        msg = "price file: expected one that names a controller, got prices to be served as they are"
        raise BadPrices(msg)
    known = categories_of(membership, items, prices.attributes)
    names = [(each.attribute, each.category) for each in prices.prices]
    missing = [f"{attribute}={category}" for attribute, category in names if (attribute, category) not in known.names]
    if missing:
        msg = f"price file: expected categories that items have, got {', '.join(missing)}"
        raise BadPrices(msg)
    lower, upper, added = (
        np.array([getattr(each, field) for each in prices.prices]) for field in ("floor", "ceiling", "price")
    )
    serving = Serving(
        names=tuple(names),
        groups=known.groups[:, [known.names.index(name) for name in names]],
        weights=attention_of(prices.attention).weights(prices.list_length),
        lower=lower,
        upper=upper,
        prices=added,
    )
    return serving, correction_of(prices.controller.name, prices.controller.gain)


def _arrival(held_out: HeldOut, attribute: str | None) -> tuple[Ints, str]:
    """Places of the subjects in the order in which they come, and that order in words."""
    drawn = [sha256(ORDER_SALT + subject.encode()).digest() for subject in held_out.subjects]
    if attribute is None:
        return np.array(sorted(range(len(drawn)), key=drawn.__getitem__)), DRAWN
    if attribute not in held_out.groups:
        known = ", ".join(sorted(held_out.groups)) or "nothing (give --groups or --history)"
        msg = f"arrival: expected an attribute that is known of the subjects, {known}, got {attribute}"
        raise InvalidConfig(msg)
    groups = held_out.groups[attribute]

    def key(place: int) -> tuple[bool, int, str, bytes]:
        name = groups[place]
        return not name, TIERS.index(name) if name in TIERS else 0, name, drawn[place]

    return np.array(sorted(range(len(drawn)), key=key)), f"by {attribute}, group after group"
