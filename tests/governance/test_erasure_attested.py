"""What auditors and machines are told of an erasure, and what only the one who asked is."""

import json
import re
from dataclasses import replace
from datetime import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from governance.attest.attester import Attester
from governance.attest.dsse import decode_envelope
from governance.attest.signing import EnvelopeSigner
from governance.attest.store import list_attestations, read_envelope
from governance.database import transaction
from governance.ledger.search import follow
from governance.rights.attesting import attest_erasure
from governance.rights.certificate import Certificate, StoreErasure
from tests.governance.builders import CERTIFICATE, Build


def attested(engine: Engine, folder: Path, build: Build, certificate: Certificate) -> list[dict[str, Any]]:
    """The statements about a certificate, in the order in which they were made."""
    attester = Attester(signer=EnvelopeSigner(bytes(32)), name="https://probity.example/attester", folder=folder)
    digest = sha256(repr(certificate).encode()).hexdigest()
    with transaction(engine) as session:
        attest_erasure(session, attester, certificate, digest, policies=build.policies, clock=build.clock)
        made = list_attestations(session, digest)
    return [json.loads(decode_envelope(read_envelope(folder, each.digest)).payload) for each in reversed(made)]


def test_an_erasure_is_attested_in_our_own_words_and_in_the_two_that_other_tools_read(
    engine: Engine, build: Build, tmp_path: Path
) -> None:
    own, tested, verified = attested(engine, tmp_path, build, CERTIFICATE)

    assert own["predicateType"] == "https://probity.example/attestation/erasure-certificate/v0.1"
    assert tested["predicate"]["result"] == "PASSED"
    assert verified["predicate"]["verificationResult"] == "PASSED"
    assert verified["predicate"]["verifiedLevels"] == ["PROBITY_ERASURE"]
    assert len(verified["predicate"]["inputAttestations"]) == 2


def test_nothing_that_was_counted_in_the_subjects_own_data_is_in_it_nor_where_they_had_been(
    engine: Engine, build: Build, tmp_path: Path
) -> None:
    said = json.dumps(attested(engine, tmp_path, build, CERTIFICATE))

    (memory,) = CERTIFICATE.models
    for known_to_the_subject_alone in ("1234", "rating", memory.model, memory.digest, CERTIFICATE.snapshots[0]):
        assert known_to_the_subject_alone not in said
    assert str(CERTIFICATE.vault_commitment) not in said


def test_nothing_tells_the_time_of_day(engine: Engine, build: Build, tmp_path: Path) -> None:
    said = json.dumps(attested(engine, tmp_path, build, CERTIFICATE))

    with transaction(engine) as session:
        times = {entry.at.time() for entry in follow(session)}
    assert (times, re.findall(r"T[0-9:]+Z", said)) == ({time()}, ["T00:00:00Z"])


def test_a_certificate_with_something_left_is_attested_as_the_failure_it_is(
    engine: Engine, build: Build, tmp_path: Path
) -> None:
    left = replace(CERTIFICATE, stores=(StoreErasure(store="lake", found={}, left=1),))

    _, tested, verified = attested(engine, tmp_path, build, left)

    assert (tested["predicate"]["result"], verified["predicate"]["verificationResult"]) == ("FAILED", "FAILED")
    assert tested["predicate"]["failedTests"] == ["a second read of lake finds nothing"]
