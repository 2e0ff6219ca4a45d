from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import text

from pseudonymisation.errors import BrokenSeal, UnknownDomain, UnknownKey, UnknownSubject
from pseudonymisation.identifiers import Identity, read_identity
from pseudonymisation.keyring import KeyEncryptionKey, Keyring, Versions, generate_keyring
from pseudonymisation.pseudonym import Pseudonym, is_pseudonym
from pseudonymisation.vault import Vault, create_vault_engine

MARA = read_identity({"account_id": "acc-1", "email": "mara@example.org"})
TOMO = read_identity({"account_id": "acc-2", "email": "tomo@example.org"})


def _enrol(vault: Vault, *identities: Identity, domain: str = "events") -> list[Pseudonym]:
    return [names[domain] for names in vault.enrol(identities, domains=[domain])]


def test_each_identity_gets_its_pseudonyms_in_the_order_asked(vault: Vault) -> None:
    mara, tomo, again = vault.enrol([MARA, TOMO, MARA], domains=["events", "consent"])

    assert mara == again != tomo
    assert list(mara) == ["events", "consent"]
    assert len({*mara.values(), *tomo.values()}) == 4
    assert all(map(is_pseudonym, (*mara.values(), *tomo.values())))
    assert vault.count() == 2


def test_another_process_gives_the_same_pseudonyms(open_vault: object) -> None:
    first = _enrol(open_vault(), MARA, TOMO)
    second = open_vault()

    assert _enrol(second, TOMO, MARA) == first[::-1]
    assert second.count() == 2


def test_an_empty_batch_is_answered_emptily(vault: Vault) -> None:
    assert vault.enrol([], domains=["events"]) == []


def test_an_email_in_capitals_on_a_new_device_is_the_same_subject(vault: Vault) -> None:
    [first] = _enrol(vault, read_identity({"email": "Mara@Example.org"}))
    [second] = _enrol(vault, read_identity({"email": "MARA@example.ORG", "device_id": "TV-1"}))
    [third] = _enrol(vault, read_identity({"device_id": "tv-1"}))

    assert first == second == third
    assert vault.count() == 1


def test_a_familys_device_stays_with_whom_it_was_first_seen(vault: Vault) -> None:
    mara, tomo = _enrol(
        vault,
        read_identity({"account_id": "acc-1", "device_id": "tv"}),
        read_identity({"account_id": "acc-2", "device_id": "tv"}),
    )

    assert _enrol(vault, read_identity({"device_id": "tv"})) == [mara]
    assert mara != tomo


def test_an_identifier_and_a_value_of_another_type_never_meet(vault: Vault) -> None:
    account, device = _enrol(vault, read_identity({"account_id": "77"}), read_identity({"device_id": "77"}))

    assert account != device


def test_finding_answers_like_enrolling_and_creates_nothing(vault: Vault) -> None:
    [mara] = _enrol(vault, MARA)

    assert vault.find(MARA, domain="events") == mara
    assert vault.find(read_identity({"email": "MARA@example.org"}), domain="events") == mara
    assert vault.find(TOMO, domain="events") is None
    assert vault.count() == 1


def test_a_known_device_does_not_open_its_owner_to_an_unknown_account(vault: Vault) -> None:
    _enrol(vault, read_identity({"account_id": "acc-1", "device_id": "tv"}))

    assert vault.find(read_identity({"account_id": "acc-9", "device_id": "tv"}), domain="rights") is None


def test_pseudonyms_are_translated_between_domains_and_unknown_ones_are_missing(vault: Vault) -> None:
    mara, tomo = vault.enrol([MARA, TOMO], domains=["events", "rights"])
    stranger = Pseudonym("0" * 32)

    found = vault.translate([mara["events"], stranger, tomo["events"]], source="events", target="rights")

    assert found == {mara["events"]: mara["rights"], tomo["events"]: tomo["rights"]}
    assert vault.translate([mara["rights"]], source="events", target="rights") == {}
    assert vault.translate([Pseudonym("' or 1=1")], source="events", target="rights") == {}


def test_a_batch_larger_than_a_statement_may_be_is_answered_whole(vault: Vault) -> None:
    batch = [read_identity({"account_id": f"{number}", "device_id": f"tv-{number}"}) for number in range(5_500)]
    names = vault.enrol(batch, domains=["events", "consent"])
    events = [name["events"] for name in names]

    found = vault.translate(events, source="events", target="consent")

    assert vault.count() == len(set(events)) == 5_500
    assert [found[pseudonym] for pseudonym in events] == [name["consent"] for name in names]


def test_processes_that_meet_the_same_subjects_at_once_agree_on_them(open_vault: object) -> None:
    batch = [read_identity({"account_id": f"acc-{number}", "device_id": f"tv-{number}"}) for number in range(300)]
    vaults = [open_vault() for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda vault: sorted(_enrol(vault, *batch)), vaults))

    assert answers[0] == answers[1] == answers[2] == answers[3]
    assert vaults[0].count() == 300


def test_a_subjects_identifiers_are_given_strongest_first(vault: Vault) -> None:
    _enrol(vault, read_identity({"device_id": "tv", "account_id": "acc-1"}))
    [rights] = _enrol(vault, read_identity({"account_id": "acc-1", "email": "Mara@example.org"}), domain="rights")

    found = vault.identifiers_of(rights, domain="rights")

    assert found == (("account_id", "acc-1"), ("email", "mara@example.org"), ("device_id", "tv"))


@pytest.mark.parametrize(
    "ask",
    [
        lambda vault: vault.enrol([MARA], domains=["events", "marketing"]),
        lambda vault: vault.find(MARA, domain="marketing"),
        lambda vault: vault.translate([], source="marketing", target="events"),
        lambda vault: vault.translate([], source="events", target="marketing"),
        lambda vault: vault.identifiers_of(Pseudonym("0" * 32), domain="marketing"),
        lambda vault: vault.erase(Pseudonym("0" * 32), domain="marketing"),
    ],
)
def test_a_domain_that_is_not_registered_is_refused_before_anything_happens(
    open_sqlite_vault: object, ask: object
) -> None:
    vault = open_sqlite_vault()

    with pytest.raises(UnknownDomain):
        ask(vault)

    assert vault.count() == 0


def test_a_call_that_fails_half_way_leaves_no_subject(open_vault: object) -> None:
    calls = iter(range(7))

    def failing(size: int) -> bytes:
        if next(calls, None) is None:
            msg = "no more entropy"
            raise OSError(msg)
        return bytes([size]) * size

    with pytest.raises(OSError, match="no more entropy"):
        open_vault(entropy=failing).enrol([MARA, TOMO], domains=["events"])

    assert open_vault().count() == 0


def test_another_key_encryption_key_opens_nothing(open_vault: object, keyring: Keyring) -> None:
    _enrol(open_vault(), MARA)
    other = open_vault(keyring=replace(keyring, kek=generate_keyring().kek))

    with pytest.raises(BrokenSeal, match="the keyring belongs to another vault"):
        other.find(MARA, domain="events")
    with pytest.raises(BrokenSeal):
        _enrol(other, MARA)


def test_an_absent_key_encryption_key_is_named_by_its_version(open_vault: object, keyring: Keyring) -> None:
    _enrol(open_vault(), MARA)
    renumbered = Versions((KeyEncryptionKey(2, keyring.kek.current.material),))

    with pytest.raises(UnknownKey, match="no KeyEncryptionKey of version 1"):
        open_vault(keyring=replace(keyring, kek=renumbered)).find(MARA, domain="events")


def test_a_secret_moved_to_another_subject_does_not_open(open_sqlite_vault: object, sqlite_url: str) -> None:
    vault = open_sqlite_vault()
    [mara] = _enrol(vault, MARA)
    _enrol(vault, TOMO)
    engine = create_vault_engine(sqlite_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE subject SET wrapped_secret = (SELECT min(wrapped_secret) FROM subject)"))
    engine.dispose()
    reopened = open_sqlite_vault()

    opened = []
    for identity in (MARA, TOMO):
        try:
            opened.append(reopened.find(identity, domain="events"))
        except BrokenSeal:
            opened.append(None)

    assert opened.count(None) == 1
    assert set(opened) - {None} <= {mara, *(_enrol(vault, TOMO))}


def test_an_identifier_pointed_at_another_subject_is_seen_when_it_is_opened(
    open_sqlite_vault: object, sqlite_url: str
) -> None:
    vault = open_sqlite_vault()
    [mara] = _enrol(vault, MARA)
    _enrol(vault, TOMO)
    engine = create_vault_engine(sqlite_url)
    with engine.begin() as connection:
        owner = "(SELECT subject_id FROM identifier WHERE index_version = 1 ORDER BY blind_index LIMIT 1)"
        connection.execute(text(f"UPDATE identifier SET subject_id = {owner}"))  # noqa: S608 - a literal
    engine.dispose()
    robbed = [name for name in (mara, _enrol(vault, TOMO)[0]) if _identifiers(vault, name) == ()]

    assert len(robbed) == 1


def _identifiers(vault: Vault, pseudonym: Pseudonym) -> tuple[tuple[str, str], ...] | None:
    try:
        return vault.identifiers_of(pseudonym, domain="events")
    except BrokenSeal:
        return None


def test_an_unknown_subject_is_refused_without_repeating_the_pseudonym(vault: Vault) -> None:
    stranger = Pseudonym("0123456789abcdef" * 2)

    with pytest.raises(UnknownSubject) as refusal:
        vault.identifiers_of(stranger, domain="rights")

    assert str(refusal.value) == "no living subject has that pseudonym in the domain rights"
