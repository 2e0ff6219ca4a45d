"""A training: reserve privacy, read, measure once, fit every model from the measurement.

A crash at any moment leaves the reservation, and it counts as spent: what may have been read is paid for. Nothing that
was paid for is lost where it need not be: the release is registered as soon as it is measured, and what is trained
beside it reads only then, so that whichever had not begun to read when a training was cut off is made when it is
taken up again. What had begun to read, and was not registered, is paid for and lost.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID, uuid5

from sqlalchemy import select

from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.budget.price import Price
from governance.budget.reservations import (
    begin_further_reading,
    begin_reading,
    require_not_lost,
    require_same,
    reserve_once,
    spend,
    state,
)
from governance.budget.tables import Reservation
from governance.errors import Conflict, PolicyError
from governance.pipeline.artefacts import load_registered_release, save_model
from governance.pipeline.attesting import Attesting, attest_models, attest_release
from governance.pipeline.catalogue import catalogue_digest, load_catalogue
from governance.pipeline.home import Home
from governance.pipeline.kept_sums import KeptSums
from governance.pipeline.measured import read_everybody
from governance.pipeline.snapshot import drop_erased
from governance.pipeline.speed import speed_of
from governance.registry.lineage import register_release
from governance.registry.models import find_model, model_id_of, register_model
from governance.registry.tables import Model, ReleaseRecord, Snapshot
from recommender.accounting import Guarantee
from recommender.denoise import denoise
from recommender.exact_sums import ExactSums
from recommender.features import features_from
from recommender.mechanism import Mechanism, Performance, plan
from recommender.models import MODELS, kinds_for
from recommender.noise import OpenDPNoise
from recommender.paid_models import PAID_MODELS
from recommender.release import Release

KINDS = (*(kind.slug for kind in MODELS), *(kind.slug for kind in PAID_MODELS))
"""Slugs of all that a training can make."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote(Price):
    """What a training would cost, before anything is reserved or read."""

    mechanism: Mechanism


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A registered release and the models made from it, by kind."""

    release: ReleaseRecord
    models: dict[str, Model]


class Companion(Protocol):
    """A further model that reads the same subjects and is paid for in the same reservation."""

    @property
    def kind(self) -> str:
        """Slug of its model kind."""

    @property
    def mechanism(self) -> Mechanism:
        """Of the release beside it."""

    @property
    def guarantee(self) -> Guarantee:
        """Of both together."""

    def train(self, snapshot: Snapshot, release: Release, progress: Progress | None) -> Any:  # noqa: ANN401 - its own
        """Read and train; called after reading has begun."""

    def register(self, model: Any, record: ReleaseRecord, snapshot: Snapshot, author: Principal) -> dict[str, Model]:  # noqa: ANN401 - what ``train`` gave
        """Register and attest what ``train`` gave, by its kind."""


def planned(home: Home) -> Mechanism:
    """The mechanism that the privacy policy asks for."""
    privacy = home.policies.privacy.value
    return plan(
        privacy.release_epsilon,
        privacy.delta,
        max_items_per_subject=privacy.max_items_per_subject,
        shares=tuple(privacy.signals.items()),
        trending_days=privacy.trending_days,
    )


def quote(home: Home, companion: Companion | None = None) -> Quote:
    """The cost of the next training, with what is trained beside it, and the budget as it stands."""
    mechanism = planned(home) if companion is None else companion.mechanism
    promise = mechanism.guarantee if companion is None else companion.guarantee
    with home.transaction() as session:
        return Quote(mechanism=mechanism, before=state(session, policy=home.policies.privacy.value), promise=promise)


def train(
    home: Home,
    snapshot: Snapshot,
    *,
    training_id: UUID,
    author: Principal,
    progress: Progress | None = None,
    companion: Companion | None = None,
) -> Trained:
    """Measure the snapshot once and register every model that follows from the measurement, and the companion's.

    Called again with the ``training_id`` of one that was cut off, it goes on where that one stopped: what was reserved
    is read, a release that was registered gets its models, and what is finished is given back.

    Raises:
        BudgetExceeded: nothing was read.
        ConfigurationError: the settings name a device that is not here; nothing was reserved.
        Conflict: the catalogue has changed since the snapshot, nothing was reserved; a training of this id was cut off
            while it read, which is paid for and lost (while its companion read: that alone is lost, the rest is
            registered); or it was reserved under another guarantee. A new one takes a new id.
        PolicyError: delta is above one over the number of subjects; nothing was reserved.
        EmptySnapshot: no subject of the snapshot has an interaction. The budget is spent: that was learnt by reading.
        UnknownVersion: an erasure made the snapshot's lake version unreadable; nothing was measured.
    """
    with home.transaction() as session:
        reservation = session.get(Reservation, training_id)
    require_not_lost(reservation)
    if reservation is not None and reservation.state == "spent":
        made = finished(home, snapshot, training_id, author)
    else:
        mechanism = planned(home) if companion is None else companion.mechanism
        promise = mechanism.guarantee if companion is None else companion.guarantee
        drop_erased(home, snapshot)
        require_fitting(home, snapshot, mechanism)
        with speed_of(home.settings.training) as speed:
            put_aside(home, promise, training_id, actor_of(author))
            with home.transaction() as session:
                begin_reading(session, training_id, actor=actor_of(author), clock=home.clock)
            release, sums = _measure(home, snapshot, mechanism, speed, progress)
        made = registered(home, release, sums, snapshot, training_id=training_id, author=author)
    if companion is None or companion.kind in made.models:
        return made
    return _accompanied(home, made, companion, snapshot, author=author, progress=progress)


def _accompanied(
    home: Home,
    made: Trained,
    companion: Companion,
    snapshot: Snapshot,
    *,
    author: Principal,
    progress: Progress | None,
) -> Trained:
    """What was made with the companion's model, which reads now."""
    training_id = made.release.reservation_id
    with home.transaction() as session:
        require_same(session.get_one(Reservation, training_id), companion.guarantee)
        begin_further_reading(session, training_id, what=companion.kind, actor=actor_of(author), clock=home.clock)
    model = companion.train(snapshot, load_registered_release(home, made.release), progress)
    return replace(made, models=made.models | companion.register(model, made.release, snapshot, author))


def registered(
    home: Home,
    release: Release,
    sums: ExactSums,
    snapshot: Snapshot,
    *,
    training_id: UUID,
    author: Principal,
    taken_out: tuple[str, ...] = (),
) -> Trained:
    """Register a release that was paid for, keep its sums if policy says so, and fit what follows from it.

    ``taken_out`` are requests by which members of the snapshot are out of the sums already.
    """
    record = _register(home, release, snapshot, release.mechanism, training_id=training_id, actor=actor_of(author))
    with home.transaction() as session:
        KeptSums(home).keep(session, record.digest, snapshot, sums, taken_out=taken_out)
    return Trained(release=record, models=_fit_models(home, release, record, snapshot, author))


def finished(home: Home, snapshot: Snapshot, training_id: UUID, author: Principal) -> Trained:
    """What a training that had spent its reservation made, with the models of its release that it still owed."""
    with home.transaction() as session:
        record = session.scalars(select(ReleaseRecord).where(ReleaseRecord.reservation_id == training_id)).one()
        found = {kind: find_model(session, training_id, kind) for kind in KINDS}
    models = {slug: model for slug, model in found.items() if model is not None}
    # Those of the release are registered in one transaction: all are there, or none.
    if not any(kind.slug in models for kind in MODELS):
        models |= _fit_models(home, load_registered_release(home, record), record, snapshot, author)
    return Trained(release=record, models=models)


def require_fitting(home: Home, snapshot: Snapshot, mechanism: Mechanism) -> None:
    """Refuse what could only fail, or promise nothing, after privacy was spent; to be asked before it is reserved.

    Raises:
        Conflict: the catalogue is not the snapshot's any more.
        PolicyError: delta is above one over the number of the snapshot's subjects.
    """
    found = catalogue_digest(load_catalogue(home.settings.folder("catalogue")))
    if json.loads(snapshot.manifest)["catalogue"] != found:
        msg = f"the catalogue has changed since snapshot {snapshot.id} was taken: train anew"
        raise Conflict(msg)
    if mechanism.delta * snapshot.subjects > 1:
        most = f"at most 1/{snapshot.subjects}, one over the number of subjects"
        msg = f"privacy.yaml: delta: expected {most}, got {mechanism.delta:g}"
        raise PolicyError(msg)


def put_aside(home: Home, promise: Guarantee, training_id: UUID, actor: str) -> None:
    """Reserve what a training that promises this will cost; what was reserved under its id before is left as it is.

    Raises:
        BudgetExceeded: there is no room for it; nothing was reserved.
        Conflict: a training of this id was reserved under another guarantee.
    """
    with home.transaction() as session:
        reserve_once(
            session,
            reservation_id=training_id,
            purpose=home.policies.purposes.value.training,
            guarantee=promise,
            policy=home.policies.privacy.value,
            actor=actor,
            clock=home.clock,
        )


def snapshot_id_of(training_id: UUID) -> UUID:
    """The snapshot of a training that was not given one."""
    return uuid5(training_id, "snapshot")


def _register(
    home: Home, release: Release, snapshot: Snapshot, mechanism: Mechanism, *, training_id: UUID, actor: str
) -> ReleaseRecord:
    path = f"releases/{release.digest}"
    home.folder("releases")
    release.save(home.settings.home / path)
    with home.transaction() as session:
        spend(session, training_id, release=release.digest, actor=actor, clock=home.clock)
        record = register_release(
            session,
            release.digest,
            release.guarantee,
            snapshot=snapshot,
            reservation_id=training_id,
            path=path,
            actor=actor,
            clock=home.clock,
        )
        attest_release(Attesting(session=session, home=home), record, snapshot, mechanism)
    return record


def _measure(
    home: Home, snapshot: Snapshot, mechanism: Mechanism, speed: Performance, progress: Progress | None
) -> tuple[Release, ExactSums]:
    from recommender.measurement import measure_keeping  # torch

    catalogue = load_catalogue(home.settings.folder("catalogue"))
    return measure_keeping(
        read_everybody(home, snapshot),
        mechanism,
        noise=OpenDPNoise(),
        as_of=int(snapshot.taken_at.timestamp()),
        features=features_from(catalogue.categories),
        performance=speed,
        progress=progress,
        inputs_digest=snapshot.digest,
    )


def _fit_models(
    home: Home, release: Release, record: ReleaseRecord, snapshot: Snapshot, author: Principal
) -> dict[str, Model]:
    categories = load_catalogue(home.settings.folder("catalogue")).categories
    denoised = denoise(release, features_from(categories))
    fitted = {kind.slug: kind.fit_from(denoised) for kind in kinds_for(release.signals)}
    paths = {slug: save_model(home, model) for slug, model in fitted.items()}
    with home.transaction() as session:
        models = {
            slug: register_model(
                session,
                slug,
                model.digest,
                model_id=model_id_of(record.reservation_id, slug),
                release=record,
                author=author,
                path=paths[slug],
                actor=actor_of(author),
                clock=home.clock,
            )
            for slug, model in fitted.items()
        }
        attest_models(Attesting(session=session, home=home), models, record, snapshot)
    return models
