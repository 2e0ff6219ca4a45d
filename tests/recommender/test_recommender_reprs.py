"""Whoever logs a value must not log a person: no dataclass prints whom it is about or what they watched."""

from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from importlib import import_module
from pkgutil import walk_packages

import numpy as np
import pytest

import recommender
from recommender.attacks.canaries import Canaries
from recommender.attacks.membership import Candidates
from recommender.bandit.candidates import Candidate
from recommender.bandit.evaluation import Log
from recommender.bandit.statistics import Batch, Stream, StreamMechanism
from recommender.eligibility import Eligibility
from recommender.exact_sums import Basis, ExactSums, Rule
from recommender.explanation import Explanation, Part, Reason
from recommender.interactions import Interactions, ones
from recommender.ratings.model import RatingExplanation
from recommender.ratings.table import Ratings
from recommender.rows import Row, Visit
from recommender.signals.kind import Observed

WHO, WATCHED = "who-it-is", "what-they-watched"
PERSONAL = {"because", "exact", "histories", "history", "ignored", "limits", "parts", "seen", "subjects"}

HELD = Interactions((WHO,), (WATCHED,), ones(np.array([0]), np.array([0]), (1, 1)))
PART = Part(WATCHED, 0.5, 1.0)
ROW, NUMBER = np.zeros(1), np.array([31337])

CARRIERS: tuple[object, ...] = (
    HELD,
    PART,
    Batch((WHO,), np.ones((1, 2)), ROW),
    Candidate("t", little_known=False, new_categories=(WATCHED,)),
    Candidates(HELD, HELD),
    Eligibility(levels={}, limits={WHO: 12.0}),
    ExactSums(
        catalogue=("t",),
        basis=Basis(items=("t",), history_weights=np.ones(1), exact=True),
        rule=Rule(max_items_per_subject=1, gram_bits=16, weighted=False, signals=(), trending_days=7),
        counts=NUMBER,
        gram=NUMBER[:, None],
        signals={},
    ),
    Explanation("t", 0.5, (PART,), 0.0, 0.0, (), (WATCHED,), Reason.HISTORY),
    Log(subjects=np.array([WHO]), rewards=ROW, propensities=np.ones(1), target=ROW, unsupported=ROW),
    Observed(whole=HELD, kept=HELD, bits=16, as_of=None, trending_days=7, features=None),
    RatingExplanation("t", 3.0, 0.5, ((WATCHED, 0.5),)),
    Ratings(HELD, np.ones(1), 1.0, 5.0),
    Row("Because you watched {title}", "ease", ("t",), WATCHED),
    Stream(
        mechanism=StreamMechanism(epsilon=1.0, delta=1e-6, horizon=2, dimension=1),
        exact=np.full((1, 2), 31337),
        noisy=np.zeros((1, 2)),
        seen={WHO: (0,)},
    ),
    Visit(history=(WATCHED,)),
)
INVENTED = (Canaries,)
"""Its subjects are nobody."""


def _public() -> Iterator[type]:
    for module in walk_packages(recommender.__path__, "recommender."):
        for name, found in vars(import_module(module.name)).items():
            if is_dataclass(found) and isinstance(found, type) and found.__module__ == module.name and name[0] != "_":
                yield found


def _is_personal(part: Field[object]) -> bool:
    kind = part.type if isinstance(part.type, str) else getattr(part.type, "__name__", str(part.type))
    return kind not in {"bool", "int", "float"} and (part.name in PERSONAL or "Interactions" in kind)


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda each: type(each).__name__)
def test_neither_who_it_is_nor_what_they_watched_is_printed(carrier: object) -> None:
    printed = f"{carrier} {carrier!r}"

    assert not [secret for secret in (WHO, WATCHED, "31337") if secret in printed]


def test_every_public_dataclass_that_may_carry_a_person_is_among_these() -> None:
    carrying = {each for each in _public() if any(_is_personal(part) for part in fields(each))}

    assert {Visit, Eligibility, Interactions, Observed} <= carrying
    assert carrying - {type(each) for each in CARRIERS} == set(INVENTED)
