"""Attacks on a registered model: canaries against the mechanism of its release, and membership inference if asked.

The canaries stand among synthetic subjects that are drawn from the release, so the audit reads nobody's data and costs
no privacy; what it runs is the code and the noise that made the release. Membership inference reads the histories of
subjects who allow training and have not objected to audits: those trained on and those held out.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from audits.privacy import MembershipInference, PrivacyAttack
from governance.ledger.canonical import encode_json
from governance.pipeline.artefacts import load_recommender, load_registered_release
from governance.pipeline.attesting import Attesting, attest_attack
from governance.pipeline.audit import audited_interactions, held_out_interactions
from governance.pipeline.home import OPERATOR, Home
from governance.registry.attacks import attacked, register_attack
from governance.registry.events import AttackRecorded
from governance.registry.lineage import get_release, guarantee_of, members_of
from governance.registry.models import find_model, get_model
from governance.registry.refutation import refutes, undecides
from governance.registry.tables import AttackRecord, Model, ReleaseRecord
from pseudonymisation.durable import write_atomically
from recommender.accounting import Guarantee, compose_mu
from recommender.attacks.membership import candidates, infer_membership
from recommender.attacks.separation import MembershipReport, largest_area
from recommender.denoise import denoise
from recommender.interactions import Interactions
from recommender.noise import OpenDPNoise
from recommender.paid_models import is_paid
from recommender.release import Release
from recommender.synthetic import draw_histories

if TYPE_CHECKING:
    from recommender.attacks.attack_report import AttackReport

Progress = Callable[[int, int], None]

SURE_TO_ACCUSE = 0.999
"""How certain canaries must be to refute a claim: at the 95 % of a rule, one sound mechanism in fifty was accused."""

SYNTHETIC = 2000
"""Subjects among whom the canaries stand. The claim is about every input, so how many there are proves nothing."""

CANARIES = "canaries in one run of the release's mechanism on synthetic subjects, white-box"
ONLY_THE_RELEASE = (
    " Only the release's mechanism was attacked: the private steps that the model took after it were not."
)

MOST_MEMBERS = 5000
"""More members than this, drawn at random, would sharpen an area under the curve no further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """A stored report: what the canaries showed, and what attackers on membership found, if they were asked for.

    The canaries are for the release's mechanism, also where the model read the subjects once more after it.
    ``largest_area`` is what the model's guarantee allows the latter at most, in expectation.
    """

    record: AttackRecord
    canaries: "AttackReport"
    membership: tuple[MembershipReport, ...]
    largest_area: float
    document: dict[str, Any]

    @property
    def refuted(self) -> bool:
        """Whether something was found that the guarantee excludes: as the report, its entry and attestation say."""
        refuted: bool = self.document["refuted"]
        return refuted

    @property
    def undecided(self) -> bool:
        """Whether nothing was found, by canaries that may well have missed half of the noise."""
        return undecides(self.document)


def attack_model(
    home: Home,
    model_id: UUID,
    *,
    canaries: int,
    guesses: int | None = None,
    membership: bool = False,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Attacked:
    """Attack a model and the mechanism of its release; the report is stored, logged and attested.

    Args:
        home: where they are registered.
        model_id: the model.
        canaries: how many subjects are planted, each with probability one half.
        guesses: how many of them are guessed; by default the number that finds a doubled leak most surely.
        membership: whether to read members' and held-out subjects' histories, for membership inference.
        rng: of coins, synthetic subjects and resampling. The mechanism's noise comes from its own source.
        progress: told (noise entries drawn, in all).

    Raises:
        NotFound: no such model.
        CorruptArtefact: the files are not those that were registered.
        BadAttack: numbers that do not fit each other.
        EmptySnapshot: membership was asked for and nobody was held out, or no member may be read.
    """
    with home.transaction() as session:
        model = get_model(session, model_id)
        record = get_release(session, model.release)
        promise = Guarantee.from_dict(guarantee_of(session, model))
    release = load_registered_release(home, record)
    # A rule is judged at the policy's level, and by no bound that is less certain.
    sure = max(home.policies.fairness.value.confidence, SURE_TO_ACCUSE)
    found = _canaries(release, (canaries, guesses), rng, progress, confidence=sure)
    guessed = _membership(home, model, record, rng) if membership else ()
    document = _document(model, release, promise, found, guessed)
    stored = _store(home, model_id, found, document)
    return Attacked(
        record=stored,
        canaries=found,
        membership=guessed,
        largest_area=_largest_area(promise),
        document=document,
    )


def _canaries(
    release: Release,
    numbers: tuple[int, int | None],
    rng: np.random.Generator,
    progress: Progress | None,
    *,
    confidence: float,
) -> "AttackReport":
    from recommender.attacks.canary_audit import audit_mechanism  # torch
    from recommender.attacks.power import best_guesses

    mechanism, (canaries, guesses) = release.mechanism, numbers
    return audit_mechanism(
        draw_histories(denoise(release), SYNTHETIC, rng=rng),
        mechanism,
        canaries=canaries,
        # A third of the error is that of the guesses.
        guesses=guesses or best_guesses(mechanism.mu, canaries=canaries, confidence=1 - (1 - confidence) / 3).guesses,
        rng=rng,
        noise=OpenDPNoise(),
        confidence=confidence,
        progress=progress,
    )


def _membership(
    home: Home, model: Model, record: ReleaseRecord, rng: np.random.Generator
) -> tuple[MembershipReport, ...]:
    others, members = held_out_interactions(home), _members(home, record, rng)
    with home.transaction() as session:
        popularity = find_model(session, record.reservation_id, "popularity")
    usable = popularity is not None and popularity.id != model.id
    attackers, policy = 3 if usable else 2, home.policies.fairness.value
    return infer_membership(
        load_recommender(home, model),
        candidates(members, rng=rng),
        candidates(others, rng=rng),
        rng=rng,
        k=policy.list_length,
        # All of their intervals hold at once as surely as an audit's do: the strongest is looked at, whichever it is.
        confidence=1 - (1 - policy.confidence) / attackers,
        reference=load_recommender(home, popularity) if usable and popularity is not None else None,
    )


def _members(home: Home, record: ReleaseRecord, rng: np.random.Generator) -> Interactions:
    with home.transaction() as session:
        members = members_of(session, record.snapshot_id)
    chosen = rng.permutation(len(members))[:MOST_MEMBERS]
    return audited_interactions(home, {members[number] for number in chosen})


def _document(
    model: Model,
    release: Release,
    promise: Guarantee,
    found: "AttackReport",
    membership: tuple[MembershipReport, ...],
) -> dict[str, Any]:
    read = f"; attacked: {', '.join(found.attacked)}"
    attack = PrivacyAttack(
        epsilon=found.epsilon,
        delta=found.delta,
        lower_bound=found.lower_bound,
        confidence=found.confidence,
        attack=attacked(CANARIES + read, model.kind),
        canaries=found.canaries,
        model_digest=model.digest,
        chance=found.chance,
    )
    document = {
        "v": 1,
        "model": str(model.id),
        "release": release.digest,
        "guarantee": dict(promise.as_dict()),
        "attack": found.as_dict(),
        "finding": found.sentence + (ONLY_THE_RELEASE if is_paid(model.kind) else ""),
        "membership": [each.as_dict() for each in membership],
        "membership_inference": _together(membership, model),
        "largest_area_allowed": _largest_area(promise),
        "privacy_attack": {name: getattr(attack, name) for name in PrivacyAttack.__dataclass_fields__},
    }
    return document | {"refuted": refutes(document)}


def _together(found: tuple[MembershipReport, ...], model: Model) -> dict[str, Any] | None:
    """The strongest attacker, with an interval that holds for all of them together (a union bound over theirs)."""
    if not found:
        return None
    areas, first = [each.area for each in found], found[0].area
    known = all(each.value is not None for each in areas)
    stated = MembershipInference(
        area=max(each.value or 0.0 for each in areas) if known else None,
        low=max(each.low or 0.0 for each in areas) if known else None,
        high=max(each.high or 0.0 for each in areas) if known else None,
        confidence=1 - sum(1 - each.confidence for each in found),
        attackers=tuple(each.attack for each in found),
        members=first.members,
        others=first.others,
        model_digest=model.digest,
    )
    return asdict(stated)


def _largest_area(promise: Guarantee) -> float:
    """Sampled steps count as if everybody were in each: sampling only makes them say less."""
    steps = (math.sqrt(each.steps) / each.noise_multiplier for each in promise.sampled)
    return largest_area(compose_mu((promise.mu, *steps)))


def _store(home: Home, model_id: UUID, found: "AttackReport", document: dict[str, Any]) -> AttackRecord:
    encoded = encode_json(document)
    digest = hashlib.sha256(encoded).hexdigest()
    home.folder("reports")
    path = f"reports/{digest}.attack.json"
    write_atomically(home.settings.home / path, encoded)
    with home.transaction() as session:
        model = get_model(session, model_id)
        event = AttackRecorded(
            model=str(model.id),
            release=model.release,
            report=digest,
            epsilon=found.epsilon,
            delta=found.delta,
            lower_bound=found.lower_bound,
            confidence=found.confidence,
            canaries=found.canaries,
            refuted=document["refuted"],
            undecided=undecides(document),
        )
        record = register_attack(session, model, event, path=path, actor=OPERATOR, clock=home.clock)
        by = Attesting(session=session, home=home)
        attest_attack(by, record, refuted=event.refuted, undecided=event.undecided)
    return record
