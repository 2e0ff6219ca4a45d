"""An audit's figures under differential privacy: priced, reserved, read, released; the order of every training.

Held-out subjects belong to the population that the budget protects: what is released about them is composed with all
that was ever released about anybody of it. So a release costs the same budget as a training, and is refused beyond it.

A crash at any moment leaves the reservation, and it counts as spent. A release that exists is handed out again as
often as anybody asks, at no further cost: it is the same noise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID, uuid5

from audits.configuration import AuditConfig
from audits.private_release import PrivateRelease, Shape, gaussian_release, made_up, shape_of
from audits.publication import Publication, noised
from audits.release_noise import GRAIN, Gaussian
from audits.release_noise import Guarantee as Stated
from audits.tables import AuditInput, Membership, Recommendations
from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.budget.price import Price
from governance.budget.reservations import NEIGHBOURING, begin_reading, require_not_lost, reserve_once, spend, state
from governance.budget.tables import Reservation
from governance.errors import Conflict, EmptySnapshot, InvalidInput
from governance.gate.check import configuration
from governance.ledger.store import append, is_recorded
from governance.pipeline.artefacts import load_recommender
from governance.pipeline.attesting import Attesting, attest_released_audit
from governance.pipeline.audit import Noting, held_out_interactions, pairs_of
from governance.pipeline.catalogue import load_catalogue
from governance.pipeline.home import Home
from governance.policy.rules import FairnessPolicy
from governance.registry.events import AuditReleased
from governance.registry.models import get_model
from governance.registry.released_audits import note_read, unnote_read
from governance.registry.reports import read_released, released_path, title_of
from governance.registry.tables import Model
from pseudonymisation.durable import write_atomically
from pseudonymisation.pseudonym import Pseudonym
from recommender.accounting import Guarantee, mu_for
from recommender.discreteness import LARGEST_EPSILON, MARGIN, verify_margin
from recommender.errors import BadMechanism
from recommender.serving import Recommender
from recommender.split import fold_in_each

UNIT = "subject: everything one person did, as a list, its targets and which of both there are"
ACCOUNTANT = "Gaussian differential privacy, exact (Dong, Roth, Su 2022; Balle, Wang 2018)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer(Price):
    """What a release would cost, and what it would say, before anybody is read.

    Attributes:
        config: how it measures.
        nobody: an input of the same shape about a subject who does not exist.
        shape: how many tables and numbers get noise.
        scale: standard deviation of the noise, in steps of 1 / ``GRAIN``.
    """

    config: AuditConfig
    nobody: AuditInput
    shape: Shape
    scale: int

    @property
    def noise_subjects(self) -> float:
        """Standard deviation of the noise on every sum, in subjects: over n of them a share's is about this by n."""
        return self.scale / GRAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A release that exists: its digest (hex) and the document."""

    digest: str
    publication: Publication


def offer(home: Home, model_id: UUID, *, epsilon: float, delta: float | None = None) -> Offer:
    """What a release on the model's lists would cost. Reads no subject; ``delta`` is the policy's by default.

    Raises:
        NotFound: no such model.
        InvalidInput: ε is not in (0, 50], δ not in (0, the policy's δ], or noise would be too coarse for them.
        InvalidConfig: the policy's attention model depends on the grades of all.
    """
    privacy, fairness = home.policies.privacy.value, home.policies.fairness.value
    delta = privacy.delta if delta is None else delta
    _require_possible(epsilon, delta, privacy.delta)
    with home.transaction() as session:
        model, before = get_model(session, model_id), state(session, policy=privacy)
    catalogue = load_catalogue(home.settings.folder("catalogue"))
    membership = Membership(catalogue.categories)
    config = configuration(fairness, membership, model_digest=model.digest)
    nobody = made_up(membership, catalogue.items["item"].to_pylist())
    shape = shape_of(nobody, config)
    scale = _scale(shape, epsilon, delta)
    return Offer(
        promise=_promise(shape, scale, epsilon, delta),
        before=before,
        config=config,
        nobody=nobody,
        shape=shape,
        scale=scale,
    )


def release_audit(home: Home, model_id: UUID, asked: Offer, *, release_id: UUID, author: Principal) -> Released:
    """Reserve the offer's cost, read held-out subjects, and release their figures with noise; stored and logged.

    Called again with the ``release_id`` of one that was cut off, it goes on where that one stopped; of one that is
    made, it gives the same document.

    Raises:
        NotFound: no such model.
        BudgetExceeded: nothing was read.
        Conflict: the release of this id was cut off while it read, which is paid for and lost; or it was reserved
            under another guarantee. A new one takes a new id.
        CorruptArtefact: the model's files are not those that were registered. What was reserved is not read.
        BrokenProof: the stored document is not the one that was made.
    """
    with home.transaction() as session:
        model, known = get_model(session, model_id), session.get(Reservation, release_id)
    if known is not None and known.state == "spent":
        return _made_before(home, model, known)
    require_not_lost(known)
    recommender = load_recommender(home, model)
    _put_aside(home, asked.promise, release_id, author)
    made = _measured(home, recommender, asked, _noting(home, model, release_id))
    return _kept(home, model, made, release_id, author=author)


def _require_possible(epsilon: float, delta: float, most: float) -> None:
    if not 0 < epsilon <= LARGEST_EPSILON:
        msg = f"--epsilon: expected a number in (0, {LARGEST_EPSILON:g}], got {epsilon:g}"
        raise InvalidInput(msg)
    if not 0 < delta <= most:
        msg = f"--delta: expected a number in (0, {most:g}], where privacy.yaml ends, got {delta:g}"
        raise InvalidInput(msg)


def _scale(shape: Shape, epsilon: float, delta: float) -> int:
    """The least noise that keeps the promise with what whole numbers add to continuous noise."""
    mu = mu_for(epsilon * (1 - MARGIN), delta * (1 - MARGIN))
    scale = math.ceil(GRAIN * math.sqrt(shape.tables) / mu)
    try:
        verify_margin(finest_scale=scale, coordinates=shape.cells, epsilon=epsilon, delta=delta)
    except BadMechanism as cause:
        msg = f"--epsilon, --delta: expected ones that whole-number noise can keep, got {cause}"
        raise InvalidInput(msg) from cause
    return scale


def _promise(shape: Shape, scale: int, epsilon: float, delta: float) -> Guarantee:
    return Guarantee(
        epsilon=epsilon,
        delta=delta,
        mu=GRAIN * math.sqrt(shape.tables) / scale,
        unit=UNIT,
        neighbouring=NEIGHBOURING,
        accountant=ACCOUNTANT,
        mechanism=f"discrete Gaussian (OpenDP, exact) on {shape.cells} whole-number sums in {shape.tables} tables",
    )


def _put_aside(home: Home, promise: Guarantee, release_id: UUID, author: Principal) -> None:
    """Reserve, unless that was done before, and say that reading begins; both are committed before the first byte."""
    actor = actor_of(author)
    with home.transaction() as session:
        reserve_once(
            session,
            reservation_id=release_id,
            purpose=home.policies.purposes.value.auditing,
            guarantee=promise,
            policy=home.policies.privacy.value,
            actor=actor,
            clock=home.clock,
        )
    with home.transaction() as session:
        begin_reading(session, release_id, actor=actor, clock=home.clock)


def _noting(home: Home, model: Model, release_id: UUID) -> Noting:
    """Note who is about to be read; whoever was erased while the list was being made leaves it, and is not read."""

    def note(subjects: Sequence[str]) -> Sequence[str]:
        with home.transaction() as session:
            note_read(session, release_id, model, subjects)
        living = home.vault.living(frozenset(map(Pseudonym, subjects)), domain="events")
        with home.transaction() as session:
            for subject in sorted(set(subjects) - living):
                unnote_read(session, release_id, subject)
        return [subject for subject in subjects if subject in living]

    return note


def _measured(home: Home, recommender: Recommender, asked: Offer, noting: Noting) -> PrivateRelease:
    promise = asked.promise
    stated = Stated(
        epsilon=promise.epsilon,
        delta=promise.delta,
        unit=promise.unit,
        neighbours=promise.neighbouring,
        mechanism=promise.mechanism,
        accountant=promise.accountant,
    )
    given = _read(home, recommender, asked, home.policies.fairness.value, noting)
    mechanism = Gaussian(scale=asked.scale, promise=stated)
    return gaussian_release(given, asked.nobody, config=asked.config, mechanism=mechanism)


def _read(
    home: Home, recommender: Recommender, asked: Offer, policy: FairnessPolicy, noting: Noting = tuple
) -> AuditInput | None:
    """Lists and targets of held-out subjects, none of which hangs on who else is there; None where nobody has any."""
    try:
        people = held_out_interactions(home, noting=noting)
    except EmptySnapshot:
        return None  # released as noise: a refusal here would tell that there is nobody
    shown, targets = fold_in_each(people, salt=str(policy.seed).encode())
    lists = recommender.recommend(shown, policy.list_length)
    if not lists.num_rows:
        return None  # as there: whoever has watched all that the model knows has no list
    return AuditInput(
        recommendations=Recommendations(lists),
        membership=asked.nobody.membership,
        items=asked.nobody.items,
        relevance=pairs_of(targets),
    )


def _kept(home: Home, model: Model, made: PrivateRelease, release_id: UUID, *, author: Principal) -> Released:
    day = f"{home.clock():%Y-%m-%d}"
    facts = (("Model", str(model.id)), ("Day", day), ("Release", str(release_id)))
    publication = noised(made, title=title_of(model), facts=facts)
    encoded = publication.to_json()
    digest = sha256(encoded).hexdigest()
    home.folder("reports")
    write_atomically(home.settings.home / released_path(digest), encoded)
    with home.transaction() as session:
        reservation = spend(session, release_id, release=digest, actor=actor_of(author), clock=home.clock)
        event = AuditReleased(
            model=str(model.id), release=digest, reservation=str(release_id), guarantee=reservation.guarantee
        )
        append(session, event, actor=actor_of(author), entry_id=uuid5(release_id, event.kind), clock=home.clock)
        attest_released_audit(Attesting(session=session, home=home), model, reservation, digest)
    return Released(digest=digest, publication=publication)


def _made_before(home: Home, model: Model, reservation: Reservation) -> Released:
    with home.transaction() as session:
        own = is_recorded(session, uuid5(reservation.id, AuditReleased.kind))
    if not own or reservation.release is None:
        msg = f"reservation {reservation.id} paid for something else than an audit's figures"
        raise Conflict(msg)
    publication = Publication.from_json(read_released(home.settings.home, reservation.release))
    if ("Model", str(model.id)) not in publication.sections[0].facts:
        msg = f"release {reservation.id} is of another model than {model.id}"
        raise Conflict(msg)
    return Released(digest=reservation.release, publication=publication)
