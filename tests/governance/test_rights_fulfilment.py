import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from governance.attest.signing import EnvelopeSigner
from governance.budget.reservations import begin_reading, reserve, spend
from governance.consent.state import count_decisions
from governance.database import transaction
from governance.errors import ConfigurationError, Conflict, NotFound
from governance.keys.rotation import PublicKey, record_rotation
from governance.ledger.search import Filter, follow
from governance.registry.lineage import count_memberships
from governance.registry.models import get_model
from governance.registry.released_audits import count_read, note_read
from governance.rights.certificate import Certificate, verify_certificate
from governance.rights.erasure import ERASURE, get_certificate
from governance.rights.fulfilment import RIGHTS, fulfil, right_of
from governance.rights.requests import get_request, receive, refuse
from governance.rights.tables import Job
from governance.rights.work import Handover
from pseudonymisation.disclosure import open_package
from pseudonymisation.lake.store import Lake
from pseudonymisation.pseudonym import DOMAINS
from tests.governance.builders import NOON, SYSTEM, Build
from tests.governance.house import EMAIL, SIGNER, House, identity


def _rows(house: House, subject: dict[str, str]) -> tuple[int, int, int]:
    """Rows in the lake but declarations, in consents, in snapshots."""
    with transaction(house.engine) as session:
        return (
            house.tools.lake.count("rating", subjects=[subject["events"]]),
            count_decisions(session, subject["consent"]),
            count_memberships(session, subject["events"]),
        )


def _stored(house: House, name: str = "request") -> Certificate:
    with transaction(house.engine) as session:
        return verify_certificate(
            get_certificate(session, get_request(session, house.build.id(name))), SIGNER.public_key
        )


def test_an_erasure_reaches_every_store_and_spares_everybody_else(house: House) -> None:
    assert _rows(house, house.jane) == (12, 1, 1)
    house.ask("erasure")()

    assert _rows(house, house.jane) == (0, 0, 0)
    assert _rows(house, house.bob) == (5, 1, 1)
    assert house.tools.lake.scan("declaration", columns=["subject", "group"]).to_pylist() == [
        {"subject": house.bob["events"], "group": "18-24"}
    ]
    assert house.tools.vault.translate([house.jane["rights"]], source="rights", target="events") == {}
    assert house.tools.vault.find(identity("acc-2", "bob@example.org"), domain="events") == house.bob["events"]


def _released(house: House, name: str, subjects: tuple[str, ...], *, document: str | None) -> UUID:
    """An audit's release on the house's model for which these subjects were read; without a document it was cut off."""
    reservation = house.build.id(name)
    who = {"actor": SYSTEM, "clock": house.build.clock}
    with transaction(house.engine) as session:
        guarantee = house.build.guarantee(0.5)
        reserve(
            session, reservation_id=reservation, purpose="exposure_audit", guarantee=guarantee,
            policy=house.build.privacy, **who,
        )  # fmt: skip
        begin_reading(session, reservation, **who)
        note_read(session, reservation, get_model(session, house.build.id("m1")), subjects)
        if document is not None:
            spend(session, reservation, release=document, **who)
    return reservation


def test_the_certificate_names_the_audit_releases_for_which_the_subject_was_read(house: House) -> None:
    made = _released(house, "made", (house.jane["events"], house.bob["events"]), document="ab" * 32)
    lost = _released(house, "lost", (house.jane["events"],), document=None)
    _released(house, "of others", (house.bob["events"],), document="cd" * 32)
    certificate = verify_certificate(house.ask("erasure")().certificate, SIGNER.public_key)

    assert {(each.release, each.document) for each in certificate.audits} == {
        (str(made), "ab" * 32),
        (str(lost), None),
    }
    assert {each.model for each in certificate.audits} == {str(house.build.id("m1"))}
    assert {each.guarantee["epsilon"] for each in certificate.audits} == {0.5}
    assert ("audits", {"registry_audit_release_subject": 2}, 0) in [
        (store.store, dict(store.found), store.left) for store in certificate.stores
    ]
    with transaction(house.engine) as session:
        assert (count_read(session, house.jane["events"]), count_read(session, house.bob["events"])) == (0, 2)
    assert certificate.version == 2


def test_the_certificate_names_stores_counts_models_and_the_day_of_retraining_but_nobody(house: House) -> None:
    handover = house.ask("erasure")()
    certificate = verify_certificate(handover.certificate, SIGNER.public_key)

    assert [(store.store, dict(store.found), store.left) for store in certificate.stores] == [
        ("vault", {"identifier": 2, "pseudonym_index": 3, "subject": 1}, 0),
        ("lake", {"browse": 0, "declaration": 2, "rating": 12, "search": 0, "view": 0}, 0),
        ("sums", {"destroyed": 0, "subtracted": 0}, 0),
        ("consents", {"consent_decision": 1}, 0),
        ("snapshots", {"registry_snapshot_subject": 1}, 0),
        ("audits", {"registry_audit_release_subject": 0}, 0),
        ("cases", {"reidentification_case": 0}, 0),
        ("openings", {"ledger_opening": 5}, 0),
    ]
    (model,) = certificate.models
    assert (model.kind, model.state, model.generation) == ("ease", "registered", None)
    assert (model.guarantee["epsilon"], model.guarantee["delta"]) == (2.0, 1e-6)
    assert (certificate.erased_on, certificate.retrain_by) == ("2026-11-23", "2027-02-21")
    for secret in (*house.jane.values(), EMAIL, "acc-1"):
        assert secret.encode() not in handover.certificate
    assert certificate == _stored(house)


def test_no_byte_of_the_lake_the_vault_or_the_ledger_names_the_subject_afterwards(house: House, tmp_path: Path) -> None:
    assert house.jane["events"].encode() in house.bytes_of(tmp_path / "lake")
    house.ask("erasure")()
    with transaction(house.engine) as session:
        ledger = b"".join(entry.encoded for entry in follow(session, limit=1000))

    vault = (tmp_path / "vault.db").read_bytes()
    for secret in (*house.jane.values(), EMAIL):
        assert secret.encode() not in house.bytes_of(tmp_path / "lake") + ledger + vault


def test_the_request_keeps_its_record_without_the_subject(house: House) -> None:
    house.ask("erasure")()

    with transaction(house.engine) as session:
        request, job = get_request(session, house.build.id("request")), session.get(Job, house.build.id("request"))
        kinds = [entry.kind for entry in follow(session, limit=1000) if entry.kind.startswith("rights.")]
        days = {entry.at.time().isoformat() for entry in follow(session, limit=1000) if "rights." in entry.kind}
    assert (request.state, request.subject, request.received_at, job.work) == ("fulfilled", None, NOON, {})
    assert kinds == [
        "rights.request_received",
        "rights.request_moved",
        "rights.request_moved",
        "rights.request_moved",
        "rights.erasure_started",
        "rights.erasure_certified",
        "rights.request_fulfilled",
    ]
    assert days == {"00:00:00"}


def test_fulfilling_twice_is_fulfilling_once(house: House) -> None:
    go = house.ask("erasure")
    first, again = go(), go()

    assert first.certificate is not None
    assert again == Handover()
    with transaction(house.engine) as session:
        assert len(follow(session, Filter(kinds=("rights.erasure_certified",)))) == 1


class PowerCut(Exception):  # noqa: N818 - what it is
    """Stands for the process ending."""


@pytest.mark.parametrize("stage", [stage.name for stage in ERASURE.stages])
@pytest.mark.parametrize("moment", ["before the note is committed", "after it"])
def test_an_erasure_that_crashes_anywhere_goes_on_and_ends_the_same(house: House, stage: str, moment: str) -> None:
    go = house.ask("erasure")
    position = [each.name for each in ERASURE.stages].index(stage)

    class Cut:
        """Lets every transaction through, but loses the process around the commit of the chosen stage."""

        def __init__(self) -> None:
            self.count = -1

        def __call__(self) -> object:
            self.count += 1
            return self._transaction(self.count)

        def _transaction(self, number: int) -> object:
            from contextlib import contextmanager

            @contextmanager
            def cut() -> Iterator[Session]:
                with transaction(house.engine) as session:
                    yield session
                    if number == position and moment.startswith("before"):
                        raise PowerCut
                if number == position:
                    raise PowerCut

            return cut()

    with pytest.raises(PowerCut):
        fulfil(Cut(), house.tools, house.build.id("request"))
    go()

    certificate = _stored(house)
    found = {store.store: dict(store.found) for store in certificate.stores}
    assert found["lake"] == {"browse": 0, "declaration": 2, "rating": 12, "search": 0, "view": 0}
    assert (found["consents"], found["snapshots"]) == ({"consent_decision": 1}, {"registry_snapshot_subject": 1})
    assert found["vault"]["subject"] == 1
    assert len(certificate.models) == 1
    assert _rows(house, house.jane) == (0, 0, 0)
    with transaction(house.engine) as session:
        assert len(follow(session, Filter(kinds=("rights.erasure_started",)))) == 1


def test_nothing_is_destroyed_before_the_ledger_says_that_it_will_be(house: House) -> None:
    house.ask("erasure")
    names = [stage.name for stage in ERASURE.stages]

    def stop(done: int, _stages: int) -> None:
        if done == names.index("destroy_secret"):
            raise PowerCut

    with pytest.raises(PowerCut):
        fulfil(partial(transaction, house.engine), house.tools, house.build.id("request"), progress=stop)
    with transaction(house.engine) as session:
        assert len(follow(session, Filter(kinds=("rights.erasure_started",)))) == 1
    assert len(house.tools.vault.identifiers_of(house.jane["rights"], domain="rights")) == 2


def test_a_store_that_still_holds_something_gets_no_certificate(house: House) -> None:
    class LeakyLake(Lake):
        def erase(self, _subjects: object) -> None:
            """Claims to have erased."""

    go = house.ask("erasure")
    house.tools = replace(house.tools, lake=LeakyLake(str(house.tools.packages.parent / "lake")))
    with pytest.raises(Conflict, match="the second read still finds lake: 14 rows"):
        fulfil(partial(transaction, house.engine), house.tools, house.build.id("request"))
    with transaction(house.engine) as session, pytest.raises(NotFound):
        get_certificate(session, get_request(session, house.build.id("request")))
    assert go.args[2] == house.build.id("request")


def test_a_certificate_is_not_signed_with_a_key_that_was_replaced_meanwhile(house: House) -> None:
    renewed, who = EnvelopeSigner(b"\x05" * 32), {"actor": SYSTEM, "clock": house.build.clock}
    old, new = (PublicKey(id=each.key_id, public="x") for each in (SIGNER, renewed))
    go = house.ask("erasure")
    with transaction(house.engine) as session:
        record_rotation(session, "certificate", old, new, retired="destroyed", ground="scheduled", **who)

    with pytest.raises(ConfigurationError, match=f"certificate key {SIGNER.key_id} was replaced by .* restart it"):
        go()
    with transaction(house.engine) as session, pytest.raises(NotFound):
        get_certificate(session, get_request(session, house.build.id("request")))
    tools = replace(house.tools, signer=renewed)
    handover = fulfil(partial(transaction, house.engine), tools, house.build.id("request"))
    assert verify_certificate(handover.certificate, renewed.public_key).right == "erasure"


def test_the_same_person_afterwards_is_somebody_new(house: House) -> None:
    house.ask("erasure")()
    (again,) = house.tools.vault.enrol([identity("acc-1", EMAIL)], domains=DOMAINS)

    assert set(again.values()).isdisjoint(house.jane.values())


def test_an_access_package_holds_everything_and_opens_with_the_key_alone(house: House, tmp_path: Path) -> None:
    handover = house.ask("access")()
    files = open_package(handover.package.read_bytes(), handover.key)
    document = json.loads(files["access.json"])

    assert sorted(pair["value"] for pair in document["identifiers"]) == ["acc-1", EMAIL]
    assert {kind: len(rows) for kind, rows in document["events"].items()} == {
        "view": 0, "search": 0, "browse": 0, "rating": 12, "declaration": 2,
    }  # fmt: skip
    assert document["events"]["rating"][0] == {
        "at": "2026-01-01T00:00:00+00:00", "item": "item-0", "stars": 4.0, "purposes": ["model_training"],
    }  # fmt: skip
    assert document["events"]["declaration"] == [
        {"at": "2026-01-01T00:00:00+00:00", "attribute": "age", "group": "18-24", "purposes": ["exposure_audit"]},
        {"at": "2026-02-01T00:00:00+00:00", "attribute": "age", "group": "25-34", "purposes": ["exposure_audit"]},
    ]
    assert {"data": "declaration", "days": 730} in document["retention"]
    (audits,) = (part for part in document["purposes"] if part["purpose"] == "exposure_audit")
    assert audits["data"] == {"declaration": ["attribute", "group"]}
    page = files["access.html"].decode()
    assert "Telling us about yourself" in page
    assert "25-34" in page
    assert [row["choice"] for row in document["consents"]] == ["grant"]
    assert document["models"][0]["guarantee"]["epsilon"] == 2.0
    assert document["recommendations"] == [{"item": "item-99", "because": "12 ratings of yours"}]
    assert {part["purpose"] for part in document["purposes"]} == set(house.build.policies.purposes.value.purposes)
    assert document["recipients"] == ["Example Streaming", "partner studios", "the review board"]
    assert EMAIL.encode() not in house.bytes_of(tmp_path / "packages")
    assert house.bob["events"] not in files["access.json"].decode()
    assert handover.package.stat().st_mode & 0o777 == 0o600


def test_the_key_of_a_package_is_handed_over_once_and_stored_nowhere(house: House, tmp_path: Path) -> None:
    go = house.ask("access")
    handover = go()

    assert go() == Handover()
    assert handover.key not in house.bytes_of(tmp_path)
    assert repr(handover.key) not in repr(handover)


def test_an_erasure_also_removes_packages_that_were_made_before(house: House) -> None:
    package = house.ask("access", "first")().package
    house.ask("erasure", "second")()

    assert not package.exists()
    with transaction(house.engine) as session:
        assert get_request(session, house.build.id("first")).subject is None


def test_a_request_behind_which_nobody_lives_stays_where_it_is_and_can_be_refused(house: House) -> None:
    go = house.ask("erasure")
    house.tools.vault.erase(house.jane["rights"], domain="rights")
    with pytest.raises(NotFound, match="refuse it with the ground no_match"):
        go()

    with transaction(house.engine) as session:
        request = get_request(session, house.build.id("request"))
        officer = house.build.principal(session, "third", "officer")
        assert refuse(session, request, officer, "no_match", clock=house.build.clock).state == "refused"
    with pytest.raises(Conflict, match="is refused"):
        go()


def test_work_does_not_begin_before_the_approval(house: House) -> None:
    policy = house.build.policies.rights.value
    with transaction(house.engine) as session:
        front = house.build.principal(session, "front", "frontend")
        receive(
            session, "erasure", "gdpr", house.jane["rights"], request_id=house.build.id("r"), principal=front,
            policy=policy, clock=house.build.clock, manner="account_page", box_key=None,
        )  # fmt: skip

    with pytest.raises(Conflict, match="a request that is received cannot become processing"):
        fulfil(partial(transaction, house.engine), house.tools, house.build.id("r"))
    assert _rows(house, house.jane) == (12, 1, 1)


def test_the_registry_serves_what_the_policy_offers(build: Build) -> None:
    assert {right.slug for right in RIGHTS} == set(build.policies.rights.value.rights)
    assert len({right.slug for right in RIGHTS}) == len(RIGHTS)
    for right in RIGHTS:
        names = [stage.name for stage in right.stages]
        assert len(set(names)) == len(names) > 0
    with pytest.raises(NotFound):
        right_of("forgetting")


def test_the_day_in_the_certificate_is_a_day(house: House) -> None:
    house.ask("erasure")()

    assert date.fromisoformat(_stored(house).received_on) == date(2026, 11, 23)
