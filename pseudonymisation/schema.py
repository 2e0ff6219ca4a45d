"""What an event is: the registry of kinds, their fields on the wire, and their pseudonymised form in Arrow.

The wire format is one JSON object per line: ``event_id``, ``kind``, ``at``, ``subject``, optionally ``gpc``, and the
fields of its kind as listed in ``EVENT_KINDS``. A stored row has these columns:

    event_id  32 hex digits: HMAC-SHA-256 of the client's id, whose own text could name somebody
    subject   the pseudonym in the domain ``events``
    bucket    0 to 15, see ``bucket_of``: the partition of the table
    at        UTC, microseconds, shortened by policy
    …         the fields of the kind; null where no allowed purpose needs them
    purposes  the purposes under which the row may be used, never empty
"""

import math
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from pseudonymisation.pseudonym import Pseudonym

BUCKETS = 16
MAX_EVENT_ID = 64
TIME = pa.timestamp("us", tz="UTC")
DAYS_7_S = 7 * 86_400

REQUIRED = ("event_id", "kind", "at", "subject")
"""What every event carries besides the fields of its kind; ``gpc`` may be there, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of one kind of event.

    ``type`` is ``item`` (text that stands in the catalogue), ``text`` (``high`` is its longest length in characters),
    ``word`` (likewise; only words that the policy lists are kept), ``number`` or ``whole`` (no fraction). ``low`` and
    ``high`` are both allowed, ``low`` not where ``above`` is set.
    The ranges are narrow on purpose: a number without bounds is a place to put a telephone number.
    """

    name: str
    type: Literal["item", "text", "word", "number", "whole"]
    arrow: pa.DataType
    low: float = -math.inf
    high: float = math.inf
    above: bool = False

    @property
    def expected(self) -> str:
        """What the field must hold, in words."""
        if self.type == "item":
            return "an item of the catalogue"
        if self.type in ("text", "word"):
            return f"text of at most {self.high:g} characters"
        noun = "a whole number" if self.type == "whole" else "a number"
        return f"{noun} {'above' if self.above else 'from'} {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventKind:
    """One kind of event, and the fields that it has beyond ``at`` and the subject.

    ``entire`` kinds say nothing once a field is missing: a row that lost one is not stored at all.
    """

    name: str
    fields: tuple[Field, ...]
    entire: bool = False

    @property
    def schema(self) -> pa.Schema:
        """The stored, pseudonymised form."""
        return pa.schema(
            [
                ("event_id", pa.string()),
                ("subject", pa.string()),
                ("bucket", pa.int16()),
                ("at", TIME),
                *((field.name, field.arrow) for field in self.fields),
                ("purposes", pa.list_(pa.field("element", pa.string()))),
            ]
        )


_ITEM = Field(name="item", type="item", arrow=pa.string())

VIEW = EventKind(
    name="view",
    fields=(
        _ITEM,
        Field(name="seconds", type="number", arrow=pa.float32(), low=0, high=DAYS_7_S),
        Field(name="duration", type="number", arrow=pa.float32(), low=0, high=DAYS_7_S, above=True),
    ),
)
SEARCH = EventKind(name="search", fields=(Field(name="query", type="text", arrow=pa.string(), high=1000),))
BROWSE = EventKind(
    name="browse",
    fields=(
        _ITEM,
        Field(name="row", type="whole", arrow=pa.int32(), low=0, high=10_000),
        Field(name="position", type="whole", arrow=pa.int32(), low=0, high=100_000),
    ),
)
RATING = EventKind(
    name="rating", fields=(_ITEM, Field(name="stars", type="number", arrow=pa.float32(), low=0.5, high=5))
)

DECLARATION = EventKind(
    name="declaration",
    fields=tuple(Field(name=name, type="word", arrow=pa.string(), high=64) for name in ("attribute", "group")),
    entire=True,
)
"""No interaction: to which group of an attribute ("age", "gender") a subject says to belong. See ``declarations``."""

INTERACTIONS = (VIEW, SEARCH, BROWSE, RATING)
"""What recommendations may be learned from."""

EVENT_KINDS = (*INTERACTIONS, DECLARATION)
KIND_BY_NAME = {kind.name: kind for kind in EVENT_KINDS}


def bucket_of(pseudonym: Pseudonym) -> int:
    """The partition a subject's rows lie in: the pseudonym's first byte modulo 16, which is its second hex digit."""
    return int(pseudonym[1], 16)
