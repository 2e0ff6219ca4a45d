import hashlib
import secrets
from pathlib import Path

import pytest
from sqlalchemy import event, text

from pseudonymisation.errors import BrokenSeal, ResidueRemains, UnknownSubject
from pseudonymisation.identifiers import Identity, read_identity
from pseudonymisation.keyring import Keyring
from pseudonymisation.pseudonym import DOMAINS, Pseudonym, derive
from pseudonymisation.vault import Vault, create_vault_engine
from pseudonymisation.vault.residue import clear_residue
from pseudonymisation.vault.sealing import IdentifierSealing, SecretWrapping

MARA = read_identity({"account_id": "acc-canary-1", "email": "mara.canary@example.org", "device_id": "tv-canary"})
TOMO = read_identity({"account_id": "acc-canary-2", "email": "tomo.canary@example.org"})


def _rows(url: str, table: str) -> list[dict[str, object]]:
    engine = create_vault_engine(url)
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]  # noqa: S608 - ours
    engine.dispose()
    return rows


def _everything_that_the_keys_open(url: str, keyring: Keyring) -> set[str]:
    """All pseudonyms and identifiers that somebody with the whole database and every key can compute."""
    wrapping = SecretWrapping(keyring.kek, secrets.token_bytes)
    opened = set()
    for row in _rows(url, "subject"):
        subject_secret = wrapping.unwrap(row["subject_id"], row["wrapped_secret"], row["kek_version"])
        opened |= {derive(subject_secret, domain=domain) for domain in DOMAINS}
        sealing = IdentifierSealing(row["subject_id"], subject_secret)
        for identifier in _rows(url, "identifier"):
            try:
                opened.add(sealing.open(identifier["type"], identifier["ciphertext"]))
            except BrokenSeal:
                continue
    return opened


def test_an_erasure_says_what_it_destroyed(vault: Vault, vault_url: str) -> None:
    mara, _ = vault.enrol([MARA, TOMO], domains=["rights"])
    [subject_id] = {row["subject_id"] for row in _rows(vault_url, "identifier") if row["type"] == "device_id"}

    destruction = vault.erase(mara["rights"], domain="rights")

    assert destruction.rows == {"identifier": 3, "pseudonym_index": 3, "subject": 1}
    assert destruction.kek_version == 1
    assert destruction.destroyed_at.isoformat() == "2026-11-23T12:00:00+00:00"
    label = b"probity/vault/erased-subject/v1"
    framed = len(label).to_bytes(4, "big") + label + (16).to_bytes(4, "big") + subject_id
    assert destruction.commitment == hashlib.sha256(framed).hexdigest()
    assert vault.count() == 1


def test_an_erased_subject_is_gone_for_everyone_who_asks(vault: Vault) -> None:
    mara, tomo = vault.enrol([MARA, TOMO], domains=DOMAINS)
    vault.erase(mara["rights"], domain="rights")

    assert vault.find(MARA, domain="events") is None
    assert vault.translate([mara["events"], tomo["events"]], source="events", target="consent") == {
        tomo["events"]: tomo["consent"]
    }
    for ask in (vault.identifiers_of, vault.erase):
        with pytest.raises(UnknownSubject):
            ask(mara["events"], domain="events")


def test_with_every_key_an_erased_subject_cannot_be_computed_again(
    vault: Vault, vault_url: str, keyring: Keyring
) -> None:
    mara, tomo = vault.enrol([MARA, TOMO], domains=DOMAINS)
    hers = {*mara.values(), *(value for _, value in MARA.pairs)}
    his = {*tomo.values(), *(value for _, value in TOMO.pairs)}
    before = _everything_that_the_keys_open(vault_url, keyring)

    vault.erase(mara["rights"], domain="rights")

    assert before == hers | his
    assert _everything_that_the_keys_open(vault_url, keyring) == his


def test_the_same_identifiers_after_an_erasure_are_a_new_subject(open_vault: object) -> None:
    vault, elsewhere = open_vault(), open_vault()
    before = vault.enrol([MARA, TOMO], domains=DOMAINS)
    elsewhere.erase(before[0]["rights"], domain="rights")

    after = vault.enrol([MARA, TOMO], domains=DOMAINS)

    assert set(before[0].values()).isdisjoint(after[0].values())
    assert after[1] == before[1]


def test_a_device_freed_by_an_erasure_can_be_claimed(vault: Vault) -> None:
    shared = read_identity({"account_id": "acc-9", "device_id": "tv-canary"})
    mara, other = vault.enrol([MARA, shared], domains=["rights"])
    vault.erase(mara["rights"], domain="rights")

    vault.enrol([shared], domains=["rights"])

    assert ("device_id", "tv-canary") in vault.identifiers_of(other["rights"], domain="rights")


def test_the_record_of_an_erasure_names_nobody(vault: Vault, vault_url: str) -> None:
    [mara] = vault.enrol([MARA], domains=DOMAINS)
    [subject] = _rows(vault_url, "subject")
    vault.erase(mara["rights"], domain="rights")

    [row] = _rows(vault_url, "erasure")

    assert {name: row[name] for name in ("kek_version", "identifiers", "pseudonyms")} == {
        "kek_version": 1,
        "identifiers": 3,
        "pseudonyms": 3,
    }
    assert subject["subject_id"] not in row.values()
    assert row.keys() == {"erasure_id", "commitment", "destroyed_at", "kek_version", "identifiers", "pseudonyms"}


def _batch(size: int) -> list[Identity]:
    return [read_identity({"account_id": f"acc-{n}", "email": f"s{n}@example.org"}) for n in range(size)]


def _bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_no_byte_of_the_vault_holds_an_identifier_or_a_pseudonym_in_clear(
    open_sqlite_vault: object, tmp_path: Path
) -> None:
    names = open_sqlite_vault().enrol([MARA, TOMO, *_batch(50)], domains=DOMAINS)
    planted = [value for identity in (MARA, TOMO) for _, value in identity.pairs]
    pseudonyms = [pseudonym for subject in names for pseudonym in subject.values()]

    held = _bytes_of(tmp_path)

    assert b"device_id" in held
    for word in [*planted, *pseudonyms]:
        assert word.encode() not in held
        assert word.encode("utf-16-le") not in held
    assert not any(bytes.fromhex(pseudonym) in held for pseudonym in pseudonyms)


def test_the_bytes_of_the_erased_are_overwritten_in_the_file_and_gone_from_its_log(
    open_sqlite_vault: object, sqlite_url: str, tmp_path: Path
) -> None:
    vault = open_sqlite_vault()
    names = vault.enrol(_batch(300), domains=["rights"])
    columns = (("subject", "wrapped_secret"), ("identifier", "ciphertext"), ("identifier", "blind_index"))
    columns += (("pseudonym_index", "blind"), ("subject", "subject_id"))
    before = {bytes(row[column]) for table, column in columns for row in _rows(sqlite_url, table)}
    assert all(value in _bytes_of(tmp_path) for value in before)

    for subject in names[::4]:
        vault.erase(subject["rights"], domain="rights")

    living = {bytes(row[column]) for table, column in columns for row in _rows(sqlite_url, table)}
    held = _bytes_of(tmp_path)
    assert len(before - living) == 75 * (1 + 2 + 2 + 3 + 1)
    assert [value for value in before - living if value in held] == []


def test_what_the_database_left_in_its_pages_is_found_and_cleared(
    open_sqlite_vault: object, sqlite_url: str, tmp_path: Path
) -> None:
    open_sqlite_vault().enrol(_batch(300), domains=["rights"])
    secrets_before = [row["wrapped_secret"] for row in _rows(sqlite_url, "subject")]
    engine = create_vault_engine(sqlite_url)
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA secure_delete = OFF"))
    with engine.begin() as connection:
        for table in ("identifier", "pseudonym_index", "subject"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - ours

    clear_residue(engine, [b"never stored"])
    left = [value for value in secrets_before if value in _bytes_of(tmp_path)]
    clear_residue(engine, secrets_before)

    assert len(left) > 100
    assert [value for value in secrets_before if value in _bytes_of(tmp_path)] == []
    engine.dispose()


def test_a_reader_that_holds_the_log_is_reported_and_the_residue_can_be_cleared_later(
    open_sqlite_vault: object, sqlite_url: str, tmp_path: Path
) -> None:
    vault = open_sqlite_vault()
    event.listen(vault._engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 50"))
    vault._engine.dispose()
    [mara] = vault.enrol([MARA], domains=["rights"])
    [subject] = _rows(sqlite_url, "subject")
    reader = create_vault_engine(sqlite_url)

    with reader.connect().execution_options(probity_reading=True) as connection:
        connection.execute(text("SELECT count(*) FROM subject"))
        with pytest.raises(ResidueRemains, match="a long read keeps bytes"):
            vault.erase(mara["rights"], domain="rights")
        assert vault.count() == 0
    reader.dispose()
    vault.clear_residue()

    assert subject["wrapped_secret"] not in _bytes_of(tmp_path)


def test_a_pseudonym_of_another_domain_erases_nobody(vault: Vault) -> None:
    [mara] = vault.enrol([MARA], domains=DOMAINS)

    with pytest.raises(UnknownSubject):
        vault.erase(Pseudonym(mara["events"]), domain="rights")

    assert vault.count() == 1
