"""Attention models: how much a subject looks at rank r.

Rankings of recommenders change with the model (Raj & Ekstrand, SIGIR 2022), so a report always names the one it used.
A model has one text form, ``rbp`` or ``cascade(0.85,0.7)``, which policies and reports share.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audits.errors import InvalidConfig

Floats = NDArray[np.float64]
# Chance to stop at each item from its grade (n, k), the largest grade there is, and the parameters.
Stopping = Callable[[Floats, float, tuple[float, ...]], Floats]

_TEXT = re.compile(r"\s*([a-z]+)\s*(?:\(([^()]*)\))?\s*")
_NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d{1,3})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One number of a model: its default, and its range as a test and in words."""

    name: str
    default: float
    holds: Callable[[float], bool]
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionModel:
    """One family of weights.

    Attributes:
        slug: its name in policies and reports.
        formula: for people to read.
        shape: weights of ranks 1..k where nothing has yet made the subject stop, from the parameters.
        parameters: what ``shape`` takes; empty for a model without any, and for ``empirical``, which takes one weight
            a rank.
        stopping: for a model in which a relevant item ends the look down the list, how likely it does.
    """

    slug: str
    formula: str
    shape: Callable[[int, tuple[float, ...]], Floats]
    parameters: tuple[Parameter, ...] = ()
    stopping: Stopping | None = None


def _ranks(k: int) -> Floats:
    return np.arange(1, k + 1, dtype=np.float64)


def _logarithmic(k: int, _: tuple[float, ...]) -> Floats:
    return 1.0 / np.log2(_ranks(k) + 1.0)


def _clipped(k: int, _: tuple[float, ...]) -> Floats:
    return 1.0 / np.log2(np.maximum(_ranks(k), 2.0))


def _geometric(k: int, given: tuple[float, ...]) -> Floats:
    weights: Floats = given[0] * (1.0 - given[0]) ** (_ranks(k) - 1.0)
    return weights


def _patient(k: int, given: tuple[float, ...]) -> Floats:
    weights: Floats = given[0] ** (_ranks(k) - 1.0)
    return weights


def _uniform(k: int, _: tuple[float, ...]) -> Floats:
    return np.ones(k)


def _grid(k: int, given: tuple[float, ...]) -> Floats:
    length, down, along = given
    row, column = np.divmod(np.arange(k, dtype=np.float64), length)
    weights: Floats = down**row * along**column
    return weights


def _empirical(k: int, given: tuple[float, ...]) -> Floats:
    if k > len(given):
        msg = f"attention empirical: expected a weight for each of {k} ranks, got {len(given)}"
        raise InvalidConfig(msg)
    return np.array(given[:k])


def _stop_at_relevant(grades: Floats, _: float, given: tuple[float, ...]) -> Floats:
    return np.asarray(given[1] * (grades > 0), dtype=np.float64)


def _stop_by_grade(grades: Floats, largest: float, _: tuple[float, ...]) -> Floats:
    # 2^(y - max) - 2^-max = (2^y - 1) / 2^max, without the overflow of large grades.
    return np.asarray(2.0 ** (grades - largest) - 2.0**-largest, dtype=np.float64)


def _probability(name: str, default: float) -> Parameter:
    return Parameter(name=name, default=default, holds=lambda x: 0.0 < x < 1.0, expected="between 0 and 1")


def _patience(name: str, default: float) -> Parameter:
    return Parameter(name=name, default=default, holds=lambda x: 0.0 < x <= 1.0, expected="above 0 and at most 1")


_ROW = Parameter(name="row length", default=5.0, holds=lambda x: x >= 1.0 and x == int(x), expected="a whole number")

ATTENTION_MODELS = (
    AttentionModel(slug="logarithmic", formula="1 / log2(rank + 1)", shape=_logarithmic),
    AttentionModel(slug="clipped", formula="1 / log2(max(rank, 2)), so that ranks 1 and 2 tie", shape=_clipped),
    AttentionModel(
        slug="geometric",
        formula="q (1 - q)^(rank - 1), q the chance to stop at an item",
        shape=_geometric,
        parameters=(_probability("q", 0.5),),
    ),
    AttentionModel(
        slug="rbp",
        formula="g^(rank - 1), g the chance to look at one more item",
        shape=_patient,
        parameters=(_probability("g", 0.85),),
    ),
    AttentionModel(slug="uniform", formula="1 for every rank up to k", shape=_uniform),
    AttentionModel(
        slug="cascade",
        formula="g^(rank - 1) times (1 - s) for each relevant item above, g the chance to look at one more item, "
        "s the chance to stop at a relevant one",
        shape=_patient,
        parameters=(_patience("g", 0.85), _probability("s", 0.5)),
        stopping=_stop_at_relevant,
    ),
    AttentionModel(
        slug="err",
        formula="g^(rank - 1) times 1 - (2^grade - 1) / 2^(largest grade) for each item above, g the chance to look at "
        "one more item",
        shape=_patient,
        parameters=(_patience("g", 1.0),),
        stopping=_stop_by_grade,
    ),
    AttentionModel(
        slug="grid",
        formula="d^(rows above) a^(items before it in its row), rows of l items; l, d and a",
        shape=_grid,
        parameters=(_ROW, _patience("d", 0.8), _patience("a", 0.9)),
    ),
    AttentionModel(slug="empirical", formula="as measured, rank by rank", shape=_empirical),
)


@dataclass(frozen=True, slots=True, init=False)
class Attention:
    """An attention model with its parameters: ``Attention("rbp", 0.9)``; those not given are the model's own.

    * logarithmic, clipped: ranx and FairRankTune; LensKit and TREC's fair ranking track.
    * geometric, rbp: Raj & Ekstrand (SIGIR 2022); Moffat & Zobel (2008).
    * cascade, err: what stands above decides, so subjects differ; needs relevance. Diaz et al. (CIKM 2020); the chance
      to stop of ``err`` is that of Chapelle et al. (CIKM 2009), with the largest grade of the relevance table.
    * grid: a page of rows, read in rank order. The first item of a row may be looked at more than the last of the row
      above.
    * empirical: one weight for each rank, positive, finite and never growing. A curve that grows is either a discount
      turned upside down or noise of the estimate, which whoever estimated it should smooth (isotonic regression); and
      exact exposure limits need weights that fall. Lists longer than the table are refused, not guessed at.

    Raises:
        InvalidConfig: no such model, too many parameters, or one out of range.

    Guarantees:
      - weights are positive, and in all models but ``grid`` never grow with rank
      - the weight of rank 1 does not depend on what stands there
      - ``Attention.parse(attention.text) == attention``
    """

    model: str
    parameters: tuple[float, ...]

    def __init__(self, model: str = "logarithmic", *parameters: float) -> None:
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "parameters", _checked(_model(model), tuple(map(float, parameters))))

    @classmethod
    def parse(cls, text: str) -> "Attention":
        """The model that a text such as ``logarithmic``, ``rbp(0.9)`` or ``empirical(1,0.6,0.4)`` names.

        Raises:
            InvalidConfig: another form, or a model or parameter that does not exist.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            msg = f"attention: expected a name, or a name and numbers such as cascade(0.85,0.7), got {text!r}"
            raise InvalidConfig(msg)
        numbers = [] if found[2] is None else [each.strip() for each in found[2].split(",")]
        if not all(map(_NUMBER.fullmatch, numbers)):
            msg = f"attention {found[1]}: expected numbers between the brackets, got {text!r}"
            raise InvalidConfig(msg)
        return cls(found[1], *map(float, numbers))

    @classmethod
    def measured(cls, table: pa.Table) -> "Attention":
        """Attention as estimated from logs: columns ``rank``, from 1 without a gap, and ``weight``.

        Raises:
            InvalidConfig: a column is missing or holds no numbers, a rank is missing or repeated, or weights that are
                not positive, finite and never growing.
        """
        try:
            # As doubles a null is no number, and equals no rank.
            rank = np.asarray(table["rank"].cast(pa.float64()), dtype=np.float64)
            weight = np.asarray(table["weight"].cast(pa.float64()), dtype=np.float64)
        except (KeyError, pa.ArrowInvalid, ValueError) as cause:
            msg = f"attention empirical: expected columns rank and weight of numbers, got {table.schema.names}"
            raise InvalidConfig(msg) from cause
        order = np.argsort(rank)
        if not np.array_equal(rank[order], np.arange(1, rank.size + 1)):
            msg = f"attention empirical: expected ranks 1, 2, 3 … once each, got {rank.size} rows with others"
            raise InvalidConfig(msg)
        return cls("empirical", *weight[order].tolist())

    @property
    def text(self) -> str:
        """The one text form; a model with its own parameters is its name alone."""
        if self.parameters == tuple(each.default for each in _model(self.model).parameters):
            return self.model
        return f"{self.model}({','.join(repr(each).removesuffix('.0') for each in self.parameters)})"

    @property
    def description(self) -> str:
        """The formula, and the parameters where there are any, for people to read."""
        known = _model(self.model)
        if not self.parameters:
            return known.formula
        return f"{known.formula} = {', '.join(f'{each:g}' for each in self.parameters)}"

    @property
    def needs_relevance(self) -> bool:
        """Whether attention depends on what stands at the ranks above."""
        return _model(self.model).stopping is not None

    def weights(self, k: int) -> Floats:
        """Weights of ranks 1..k where nothing relevant stands above, shape (k,).

        Raises:
            InvalidConfig: fewer empirical weights than ranks, or weights too small for a floating-point number.
        """
        found = _model(self.model).shape(k, self.parameters)
        if not np.all(found > 0):
            rank = int(np.argmin(found > 0)) + 1
            msg = f"attention {self.model}: expected attention at each of {k} ranks, got none from rank {rank}"
            raise InvalidConfig(msg)
        return found

    def following(self, grades: Floats, largest: float) -> Floats:
        """Attention to lists in which items of these grades (0: not relevant) stand, shape (n, k) as ``grades``.

        w(r) = weights(r) * product over j < r of (1 - stop(grade_j)): an item does not hide itself. Where the model
        does not look at grades every row is ``weights(k)``, read-only.
        """
        weights = self.weights(grades.shape[1])
        stopping = _model(self.model).stopping
        if stopping is None:
            return np.broadcast_to(weights, grades.shape)
        going_on = np.cumprod(1.0 - stopping(grades, largest, self.parameters), axis=1)
        found: Floats = weights * np.hstack([np.ones((grades.shape[0], 1)), going_on[:, :-1]])
        # A floor far below anything that counts: an item that is shown is never an item without attention.
        return np.maximum(found, np.finfo(np.float64).tiny)


def _checked(known: AttentionModel, given: tuple[float, ...]) -> tuple[float, ...]:
    """All parameters of the model: those given, then its own."""
    if known.shape is _empirical:
        _check_measured(given)
        return given
    if len(given) > len(known.parameters):
        names = ", ".join(each.name for each in known.parameters)
        msg = f"attention {known.slug}: expected {f'parameters {names}' if names else 'no parameter'}, got {given}"
        raise InvalidConfig(msg)
    filled = (*given, *(each.default for each in known.parameters[len(given) :]))
    for parameter, value in zip(known.parameters, filled, strict=True):
        if not (math.isfinite(value) and parameter.holds(value)):
            msg = f"attention {known.slug}: expected {parameter.name} {parameter.expected}, got {value:g}"
            raise InvalidConfig(msg)
    return filled


def _check_measured(weights: tuple[float, ...]) -> None:
    fine = bool(weights) and all(math.isfinite(each) and each > 0 for each in weights)
    if not fine or any(later > earlier for earlier, later in pairwise(weights)):
        shown = ", ".join(f"{each:g}" for each in weights[:5])
        msg = f"attention empirical: expected positive weights that never grow with rank, got {shown or 'none'}"
        raise InvalidConfig(msg)


def _model(slug: str) -> AttentionModel:
    for known in ATTENTION_MODELS:
        if known.slug == slug:
            return known
    msg = f"attention: expected one of {', '.join(m.slug for m in ATTENTION_MODELS)}, got {slug!r}"
    raise InvalidConfig(msg)
