from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from pseudonymisation.identifiers import Identity
from pseudonymisation.vault.enrolment import SubjectId, assign


def _ids() -> object:
    numbers = count()
    return lambda: SubjectId(next(numbers).to_bytes(16, "big"))


def _identity(**pairs: str) -> Identity:
    return Identity(tuple(pairs.items()))


X, Y = SubjectId(b"x" * 16), SubjectId(b"y" * 16)


def test_the_strongest_identifier_decides_and_unclaimed_ones_are_attached() -> None:
    identity = _identity(account_id="a", email="e")

    enrolment = assign([identity], {("account_id", "a"): X}, _ids())

    assert enrolment.owners == {identity: X}
    assert enrolment.claims == {("email", "e"): X}
    assert enrolment.created == []


def test_a_second_account_on_a_familys_device_is_a_second_person_and_the_device_stays() -> None:
    identity = _identity(account_id="b", device_id="tv")

    enrolment = assign([identity], {("account_id", "a"): X, ("device_id", "tv"): X}, _ids())

    assert enrolment.owners[identity] == enrolment.created[0] != X
    assert enrolment.claims == {("account_id", "b"): enrolment.created[0]}


def test_within_a_batch_the_earlier_claims_first() -> None:
    first, second = _identity(account_id="a", device_id="tv"), _identity(account_id="b", device_id="tv")
    device = _identity(device_id="tv")

    enrolment = assign([first, second, device], {}, _ids())

    assert enrolment.owners[device] == enrolment.owners[first] != enrolment.owners[second]


SLUGS = ("account_id", "email", "device_id")
identities = st.lists(
    st.dictionaries(st.sampled_from(SLUGS), st.sampled_from("abc"), min_size=1).map(
        lambda found: Identity(tuple((slug, found[slug]) for slug in SLUGS if slug in found))
    ),
    unique=True,
    max_size=8,
)


@given(identities, st.dictionaries(st.tuples(st.sampled_from(SLUGS), st.sampled_from("abc")), st.sampled_from([X, Y])))
def test_every_identifier_has_one_owner_and_doing_it_again_changes_nothing(
    batch: list[Identity], known: dict[tuple[str, str], SubjectId]
) -> None:
    enrolment = assign(batch, known, _ids())
    after = known | enrolment.claims
    again = assign(batch, after, _ids())

    assert known.keys().isdisjoint(enrolment.claims)
    assert set(enrolment.created) <= set(enrolment.claims.values())
    assert all(enrolment.owners[identity] == after[identity.pairs[0]] for identity in batch)
    assert (again.owners, again.claims, again.created) == (enrolment.owners, {}, [])
