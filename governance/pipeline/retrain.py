"""A training that reads nobody anew: kept sums, less everybody who has left since, and fresh noise.

What is left is bit for bit what a measurement without them would have added up, on the basis of the release that the
sums were kept for. Noise is drawn for this release alone, and it is reserved and paid for as any other.
"""

import json
from contextlib import suppress
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.budget.reservations import begin_reading, require_not_lost
from governance.budget.tables import Reservation
from governance.consent.state import snapshot as consent_snapshot
from governance.database import wait_for_others
from governance.errors import Conflict, NotFound
from governance.pipeline.artefacts import load_registered_release
from governance.pipeline.home import OPERATOR, Home
from governance.pipeline.kept_sums import LOCK, KeptSums, without
from governance.pipeline.measured import reading_rule
from governance.pipeline.snapshot import drop_erased
from governance.pipeline.train import (
    Progress,
    Trained,
    finished,
    planned,
    put_aside,
    registered,
    require_fitting,
)
from governance.registry.lineage import get_release, get_snapshot, members_of, register_snapshot
from governance.registry.tables import ReleaseRecord, Snapshot
from governance.rights.tables import Job
from pseudonymisation.errors import PseudonymisationError
from pseudonymisation.pseudonym import Pseudonym
from recommender.errors import RecommenderError
from recommender.exact_sums import ExactSums
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
    kept in place of the old ones. Called again with the ids of one that was cut off, it goes on where that one stopped,
    as `train` does.

    Raises:
        BudgetExceeded: nothing was read.
        NotFound: the sums are not kept, or not any more; nothing was reserved.
        Conflict: privacy.yaml or the catalogue has changed since, so that they are not what a training measures now,
            nothing was reserved; a training of this id was cut off while it read, which is paid for and lost; or it was
            reserved under another guarantee.
        PolicyError: delta is above one over the number of subjects who are left; nothing was reserved.
        CorruptArtefact: the sums do not open, or are in a format of old; nothing was reserved.
        UnknownVersion, BadInteractions: those who left cannot be taken out exactly any more. The budget is spent; the
            sums stay until they expire.
    """
    with home.transaction() as session:
        record, reservation = get_release(session, release), session.get(Reservation, training_id)
        before, after = get_snapshot(session, record.snapshot_id), session.get(Snapshot, snapshot_id)
    require_not_lost(reservation)
    if reservation is not None and reservation.state == "spent" and after is not None:
        trained = finished(home, after, training_id, author)
        _keep_what_is_left(home, release, before, after, trained.release.digest)
    else:
        _require_comparable(home, KeptSums(home), record)
        after = after or _reduced(home, before, release, snapshot_id)
        drop_erased(home, after)
        require_fitting(home, after, planned(home))
        put_aside(home, planned(home).guarantee, training_id, actor_of(author))
        with home.transaction() as session:
            begin_reading(session, training_id, actor=actor_of(author), clock=home.clock)
        trained = _measured(home, release, before, after, training_id=training_id, author=author, progress=progress)
    with home.transaction() as session:
        KeptSums(home).destroy(session, release, "replaced")
    return trained


def sums_behind(snapshot: Snapshot) -> str | None:
    """The release from whose sums a training with this snapshot is made, or None where it reads everybody."""
    found: str | None = json.loads(snapshot.manifest).get("sums_of")
    return found


def _measured(
    home: Home,
    release: str,
    before: Snapshot,
    after: Snapshot,
    *,
    training_id: UUID,
    author: Principal,
    progress: Progress | None,
) -> Trained:
    from recommender.measurement import release_from  # torch

    with home.transaction() as session:
        left, out = _left(session, home, release, before, after)
    made = release_from(left, planned(home), OpenDPNoise(), inputs_digest=after.digest, progress=progress)
    return registered(home, made, left, after, training_id=training_id, author=author, taken_out=out)


def _left(
    session: Session, home: Home, release: str, before: Snapshot, after: Snapshot
) -> tuple[ExactSums, tuple[str, ...]]:
    """The sums of those in the snapshot after, and the requests by which subjects are out of them already.

    An erasure takes its subject out of the sums first and off the lists of members last. Whoever stands between, and
    whoever has withdrawn besides, must not be taken out a second time.
    """
    # The sums, the jobs and the lists are of one moment: no erasure goes on between looking at one and at the next.
    wait_for_others(session, LOCK)
    header, sums = KeptSums(home).open(release)
    jobs = select(Job).where(Job.request_id.in_([UUID(each) for each in header.taken_out]))
    out = {job.work.get("events") for job in session.scalars(jobs)}
    gone = sorted(set(members_of(session, before.id)) - set(members_of(session, after.id)) - out)
    return (without(home, before, sums, gone) if gone else sums), header.taken_out


def _keep_what_is_left(home: Home, release: str, before: Snapshot, after: Snapshot, made: str) -> None:
    """Keep the sums behind a release that was made from another's, if the run that made it was cut off before."""
    kept = KeptSums(home)
    with home.transaction() as session:
        if kept.were_kept(session, made):
            return
    # Old ones that an erasure or retention ended, or that somebody cannot be taken out of any more, are no new ones.
    with suppress(NotFound, PseudonymisationError, RecommenderError), home.transaction() as session:
        left, out = _left(session, home, release, before, after)
        kept.keep(session, made, after, left, taken_out=out)


def _require_comparable(home: Home, kept: KeptSums, record: ReleaseRecord) -> None:
    header = next((each for each in kept.headers() if each.release == record.digest), None)
    if header is None:
        msg = f"the exact sums of the release {record.digest[:16]} are not kept"
        raise NotFound(msg)
    if header.rule != reading_rule(home.policies.privacy.value):
        msg = "privacy.yaml counts interactions in another way than when those sums were added up: train anew"
        raise Conflict(msg)
    earlier, now = load_registered_release(home, record).mechanism, planned(home)
    fields = ("max_items_per_subject", "gram_bits", "trending_days", "through_lens")
    same = all(getattr(earlier, name) == getattr(now, name) for name in fields)
    if not same or [slug for slug, _ in earlier.shares] != [slug for slug, _ in now.shares]:
        msg = "privacy.yaml measures something else than those sums are of: train anew"
        raise Conflict(msg)
    kept.open(record.digest)  # what does not open, or is in a format of old, must not cost anything


def _reduced(home: Home, before: Snapshot, release: str, snapshot_id: UUID) -> Snapshot:
    """The snapshot of those who are left."""
    manifest = json.loads(before.manifest)
    with home.transaction() as session:
        consenting = consent_snapshot(session, manifest["purpose"])
        members = members_of(session, before.id)
    consents = [Pseudonym(subject) for subject in consenting.subjects]
    allowed = set(home.vault.translate(consents, source="consent", target="events").values())
    stayed = [subject for subject in members if subject in allowed]
    manifest |= {
        "consents": {"digest": consenting.digest, "subjects": consenting.count},
        "policies": home.policies.digests,
        "subjects": {**manifest["subjects"], "trained": len(stayed)},
        "sums_of": release,
    }
    with home.transaction() as session:
        return register_snapshot(session, manifest, stayed, snapshot_id=snapshot_id, actor=OPERATOR, clock=home.clock)
