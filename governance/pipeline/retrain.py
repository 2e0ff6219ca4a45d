"""A training that reads nobody anew: kept sums, less everybody who has left since, and fresh noise.

What is left is bit for bit what a measurement without them would have added up, on the basis of the release that the
sums were kept for. Noise is drawn for this release alone, and it is reserved and paid for as any other.
"""

import json
from uuid import UUID

from sqlalchemy import select

from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.budget.reservations import begin_reading
from governance.consent.state import snapshot as consent_snapshot
from governance.errors import Conflict, NotFound
from governance.pipeline.artefacts import load_registered_release
from governance.pipeline.home import OPERATOR, Home
from governance.pipeline.kept_sums import KeptSums, without
from governance.pipeline.measured import reading_rule
from governance.pipeline.train import Progress, Trained, planned, put_aside, registered
from governance.registry.lineage import get_release, get_snapshot, register_snapshot
from governance.registry.tables import ReleaseRecord, Snapshot, SnapshotSubject
from pseudonymisation.pseudonym import Pseudonym
from recommender.noise import OpenDPNoise


def find_kept(home: Home, start: str) -> str:
    """The digest of the one release whose digest begins so and whose sums are kept.

    Raises:
        NotFound: there is none, or more than one.
    """
    found = [header.release for header in KeptSums(home).headers() if header.release.startswith(start)]
    if len(found) != 1:
        msg = f"{len(found)} releases whose exact sums are kept begin with {start!r}: expected one"
        raise NotFound(msg)
    return found[0]


def retrain(
    home: Home,
    release: str,
    *,
    snapshot_id: UUID,
    training_id: UUID,
    author: Principal,
    progress: Progress | None = None,
) -> Trained:
    """Make a release and its models from the sums behind an earlier release, without whoever has left since.

    Those who were erased are out of the sums already; those who withdrew are taken out here. The sums that are left are
    kept in place of the old ones.

    Raises:
        BudgetExceeded: nothing was read.
        NotFound: the sums are not kept, or not any more; nothing was reserved.
        Conflict: privacy.yaml has changed since, so that they are not what a training measures now; nothing was
            reserved.
        UnknownVersion, BadInteractions: those who left cannot be taken out exactly any more. The budget is spent; the
            sums stay until they expire.
    """
    from recommender.measurement import release_from  # torch

    kept, actor = KeptSums(home), actor_of(author)
    mechanism = planned(home)
    with home.transaction() as session:
        record = get_release(session, release)
        before = get_snapshot(session, record.snapshot_id)
    _require_comparable(home, kept, record)
    after, left = _reduced(home, before, release, snapshot_id)
    put_aside(home, mechanism.guarantee, training_id, actor)
    with home.transaction() as session:
        begin_reading(session, training_id, actor=actor, clock=home.clock)
    _, sums = kept.open(release)
    remaining = without(home, before, sums, left) if left else sums
    made = release_from(remaining, mechanism, OpenDPNoise(), inputs_digest=after.digest, progress=progress)
    trained = registered(home, made, remaining, after, training_id=training_id, author=author)
    with home.transaction() as session:
        kept.destroy(session, release, "replaced")
    return trained


def _require_comparable(home: Home, kept: KeptSums, record: ReleaseRecord) -> None:
    header = next((each for each in kept.headers() if each.release == record.digest), None)
    if header is None:
        msg = f"the exact sums of the release {record.digest[:16]} are not kept"
        raise NotFound(msg)
    if header.rule != reading_rule(home.policies.privacy.value):
        msg = "privacy.yaml counts interactions in another way than when those sums were added up: train anew"
        raise Conflict(msg)
    earlier, now = load_registered_release(home, record).mechanism, planned(home)
    fields = ("max_items_per_subject", "gram_bits", "trending_days")
    same = all(getattr(earlier, name) == getattr(now, name) for name in fields)
    if not same or [slug for slug, _ in earlier.shares] != [slug for slug, _ in now.shares]:
        msg = "privacy.yaml measures something else than those sums are of: train anew"
        raise Conflict(msg)


def _reduced(home: Home, before: Snapshot, release: str, snapshot_id: UUID) -> tuple[Snapshot, list[Pseudonym]]:
    """The snapshot of those who are left, and those who have left since the one before."""
    manifest = json.loads(before.manifest)
    with home.transaction() as session:
        consenting = consent_snapshot(session, manifest["purpose"])
        statement = select(SnapshotSubject.subject).where(SnapshotSubject.snapshot_id == before.id)
        members = [Pseudonym(subject) for subject in session.scalars(statement)]
    consents = [Pseudonym(subject) for subject in consenting.subjects]
    allowed = set(home.vault.translate(consents, source="consent", target="events").values())
    left = sorted(subject for subject in members if subject not in allowed)
    stayed = [subject for subject in members if subject in allowed]
    manifest |= {
        "consents": {"digest": consenting.digest, "subjects": consenting.count},
        "policies": home.policies.digests,
        "subjects": {**manifest["subjects"], "trained": len(stayed)},
        "sums_of": release,
    }
    with home.transaction() as session:
        after = register_snapshot(session, manifest, stayed, snapshot_id=snapshot_id, actor=OPERATOR, clock=home.clock)
    return after, left
