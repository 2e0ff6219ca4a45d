"""A snapshot: lake version × consent state, fixed before a byte of the events is read."""

from uuid import UUID

from governance.consent.state import snapshot as consent_snapshot
from governance.errors import EmptySnapshot
from governance.pipeline.catalogue import catalogue_digest, load_catalogue
from governance.pipeline.home import OPERATOR, Home
from governance.registry.lineage import forget_memberships, members_of, register_snapshot
from governance.registry.tables import Snapshot
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.schema import INTERACTIONS
from recommender.split import hold_out

SPLIT_SALT = b"probity/audits"
"""Public: it keeps a subject on its side over all snapshots, so that who is audited was never trained on."""


def take_snapshot(home: Home, *, snapshot_id: UUID) -> Snapshot:
    """Fix what a training may read: the lake's versions, and the trained-on subjects among those who consent now.

    Subjects whom the policy holds out for audits are counted in the manifest and are not members.

    Raises:
        EmptySnapshot: nobody consents, or no event was stored.
    """
    purposes, privacy = home.policies.purposes.value, home.policies.privacy.value
    with home.transaction() as session:
        consenting = consent_snapshot(session, purposes.training)
    # What subjects declare of themselves is none of a training's business, and no reason for another snapshot.
    read = {kind.name for kind in INTERACTIONS}
    versions = {kind: version for kind, version in home.lake.versions().items() if kind in read}
    if not versions:
        msg = "the lake is empty: run `probity ingest FOLDER` first"
        raise EmptySnapshot(msg)
    # The vault alone can say which stored events belong to a consent; erased subjects are missing from its answer.
    consents = [Pseudonym(subject) for subject in consenting.subjects]
    events = home.vault.translate(consents, source="consent", target="events").values()
    trained, held_out = hold_out(events, privacy.held_out_share, salt=SPLIT_SALT)
    manifest = {
        "v": 1,
        "purpose": purposes.training,
        "lake": versions,
        "consents": {"digest": consenting.digest, "subjects": consenting.count},
        "catalogue": catalogue_digest(load_catalogue(home.settings.folder("catalogue"))),
        "policies": home.policies.digests,
        "subjects": {"trained": len(trained), "held_out": len(held_out)},
    }
    with home.transaction() as session:
        return register_snapshot(session, manifest, trained, snapshot_id=snapshot_id, actor=OPERATOR, clock=home.clock)


def drop_erased(home: Home, snapshot: Snapshot) -> None:
    """Take whoever was erased while the list of members was being made off it, before anything is read by it.

    An erasure ends a subject in the vault first and takes them off all lists then; one that did both between the
    vault's answer and the list's commit had no list to take them off.
    """
    with home.transaction() as session:
        members = frozenset(Pseudonym(subject) for subject in members_of(session, snapshot.id))
    erased = members - home.vault.living(members, domain="events")
    with home.transaction() as session:
        for subject in sorted(erased):
            forget_memberships(session, subject)
