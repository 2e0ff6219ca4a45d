"""What a measurement of a snapshot reads of its subjects, the same each time it is asked."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256

from governance.errors import EmptySnapshot
from governance.ledger.canonical import encode_json
from governance.pipeline.catalogue import load_catalogue
from governance.pipeline.home import Home
from governance.pipeline.interactions import read_histories
from governance.policy.privacy_rules import PrivacyPolicy
from governance.registry.lineage import members_of
from governance.registry.tables import Snapshot
from pseudonymisation.pseudonym import Pseudonym
from recommender.interactions import Interactions, interactions_from


def read_measured(home: Home, snapshot: Snapshot, subjects: Sequence[Pseudonym]) -> Interactions:
    """Interactions of these of the snapshot's subjects at its lake versions, over the whole catalogue.

    Raises:
        EmptySnapshot: they have none.
        UnknownVersion: an erasure made the snapshot's lake version unreadable.
    """
    manifest = json.loads(snapshot.manifest)
    rows = read_histories(
        home, subjects, purpose=manifest["purpose"], versions=manifest["lake"], as_of=snapshot.taken_at
    )
    if rows.num_rows == 0:
        msg = "no subject of the snapshot has an interaction that counts: see `interest` in privacy.yaml"
        raise EmptySnapshot(msg)
    return interactions_from(rows, load_catalogue(home.settings.folder("catalogue")).items["item"].to_pylist())


def read_everybody(home: Home, snapshot: Snapshot) -> Interactions:
    """The interactions of all who are on the snapshot's list; raises as `read_measured`."""
    with home.transaction() as session:
        subjects = members_of(session, snapshot.id)
    return read_measured(home, snapshot, subjects)


def reading_rule(policy: PrivacyPolicy) -> str:
    """SHA-256 (hex) of what in the policy decides how stored events become interactions, and what they count."""
    rule = {"interest": asdict(policy.interest), "history": asdict(policy.history)}
    return sha256(encode_json(rule)).hexdigest()
