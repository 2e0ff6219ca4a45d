"""Exposure prices as a small file that people read and serving loads: what each category gains, and the proof.

Where prices are to be corrected while serving, the file names the controller too. JSON or YAML by the file's name, each
in exactly one encoding: a file that was edited, cut or written by another hand is refused, and the SHA-256 of its bytes
names it. The file is trusted for nothing: whoever can write it can make a load fail, and with the digest that the
ledger recorded cannot make it succeed with other prices.
"""

import dataclasses
import hashlib
import json
import math
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import pyarrow as pa

from recommender.errors import BadPrices, CorruptArtefact
from recommender.linear_model import ItemPrices, LinearModel, price_items

FORMAT: Final = "probity/prices"
VERSION: Final = 1
CONTROLLED_VERSION: Final = 2
"""Of files that name a controller: whoever knows only fixed prices refuses them."""
MOST_BYTES: Final = 1 << 20
"""No honest file is larger: a price takes a hundred bytes."""

Unit = Literal["score", "relative score"]
"""What a price is added to: scores as they are, or scaled to 1 for each subject's best item outside the history."""

ControllerName = Literal["owed", "penalty"]
"""By what was shown so far: proportional to the attention owed, or to the distance of each share from its limits."""

UNKNOWN: Final = "unknown"
"""The category of items without a label of the attribute."""

_HEADING: Final = (
    "# Exposure prices, written by `probity mitigate`: edited by hand they prove nothing and are refused.\n"
)
_LONGEST_NAME: Final = 500
_UNSHOWN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_LINE = re.compile(r"|#.*|(?:- |  )?[a-z_]+:(?: (?:\{\}|(?:[^\[{&*!|>%@`?]|\?\S).*))?")
"""The lines that YAML prices consist of. Parsers of YAML take forever over nesting, or worse; here is none to nest."""

_INPUT = re.compile(r"[a-z_]+")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ROOM = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryPrice:
    """What every item of a category gains (or loses) in score, and the limits of its exposure share that ask for it."""

    attribute: str
    category: str
    price: float
    floor: float
    ceiling: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """How good the prices are, on the subjects they were fitted on.

    Attributes:
        subjects: how many these were.
        unconstrained_utility: attention-weighted mean score without limits.
        utility: with the prices.
        bound: no lists within the limits have more.
        gap: (bound - utility) / bound.
        largest_violation: by how much a share lies outside its limits, at most; read it together with ``gap``.
    """

    subjects: int
    unconstrained_utility: float
    utility: float
    bound: float
    gap: float
    largest_violation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """How prices are corrected while serving, and how strongly."""

    name: ControllerName
    gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFile:
    """Everything the file says.

    Attributes:
        unit: what the prices are added to.
        list_length: ranks that the limits speak of.
        attention: slug of the attention model that weighs them.
        prices: one per category with a limit, at most one each.
        certificate: what the fit proves.
        policy: SHA-256 of the policy that asked for the limits.
        inputs: (name, SHA-256) of what the prices were fitted on, sorted by name.
        controller: corrects the prices by what was shown so far; None where they are served as they are.
    """

    unit: Unit
    list_length: int
    attention: str
    prices: tuple[CategoryPrice, ...]
    certificate: Certificate
    policy: str
    inputs: tuple[tuple[str, str], ...]
    controller: Controller | None = None

    def __post_init__(self) -> None:
        """Refuse what no fit writes.

        Raises:
            BadPrices: a number that is not finite or out of range, a category twice, or a digest that is none.
        """
        names = [(each.attribute, each.category) for each in self.prices]
        figures = dataclasses.astuple(self.certificate)
        checks = (
            (self.unit in get_args(Unit), f"a unit among {', '.join(get_args(Unit))}"),
            (self.list_length >= 1, "a list of at least one item"),
            (bool(names), "at least one price"),
            (len(set(names)) == len(names), "each category once"),
            (all(_is_name(name) for pair in names for name in pair), "names of categories and attributes"),
            (_is_name(self.attention), "the name of an attention model"),
            (all(_INPUT.fullmatch(name) for name, _ in self.inputs), "inputs with names of small letters"),
            (all(math.isfinite(each.price) for each in self.prices), "finite prices"),
            (all(0.0 <= each.floor <= each.ceiling <= 1.0 for each in self.prices), "0 <= floor <= ceiling <= 1"),
            (all(math.isfinite(each) for each in figures), "a certificate of finite numbers"),
            (self.certificate.subjects >= 1, "a fit on at least one subject"),
            (_adds_up(self.certificate), "a gap that follows from utility and bound"),
            (_DIGEST.fullmatch(self.policy) is not None, "the policy's SHA-256 in hex"),
            (all(_DIGEST.fullmatch(digest) for _, digest in self.inputs), "SHA-256 in hex of the inputs"),
            (list(self.inputs) == sorted(dict(self.inputs).items()), "inputs sorted by name, each once"),
            (_can_correct(self.controller), f"a controller among {', '.join(get_args(ControllerName))}, with a gain"),
        )
        for holds, expected in checks:
            if not holds:
                msg = f"price file: expected {expected}, got something else"
                raise BadPrices(msg)

    def on(self, model: LinearModel, memberships: pa.Table) -> LinearModel:
        """The model with these prices.

        ``memberships`` has the columns ``item``, ``attribute``, ``category`` and, optionally, ``weight``: the item's
        share of the category, which sums to 1 over an attribute (the item's labels count equally without it).

        Raises:
            BadPrices: prices for another unit of score, for a category that no item of the catalogue has, or that a
                controller is to correct, which takes more than a model.
        """
        if self.controller is not None:
            msg = f"price file: expected prices to be served as they are, got the controller {self.controller.name}"
            raise BadPrices(msg)
        if self.unit != "relative score":
            msg = f"price file: expected prices in units of a relative score, got units of the {self.unit}"
            raise BadPrices(msg)
        return model.with_prices(self.over(model.items, memberships))

    def over(self, items: tuple[str, ...], memberships: pa.Table) -> ItemPrices:
        """The prices laid out over items.

        Raises:
            BadPrices: a category that no item of the catalogue has.
        """
        named = {_label(each.attribute, each.category): each.price for each in self.prices}
        return price_items(items, self._shares(items, memberships), named, attribute=", ".join(self.attributes))

    @property
    def attributes(self) -> tuple[str, ...]:
        """What the categories are categories of."""
        return tuple(sorted({each.attribute for each in self.prices}))

    def _shares(self, items: tuple[str, ...], memberships: pa.Table) -> pa.Table:
        """Share of each item in each category, labelled ``attribute=category``."""
        owners = list(zip(memberships["item"].to_pylist(), memberships["attribute"].to_pylist(), strict=True))
        weights = memberships["weight"].to_pylist() if "weight" in memberships.column_names else [1.0] * len(owners)
        totals: dict[tuple[str, str], float] = {}
        for owner, weight in zip(owners, weights, strict=True):
            totals[owner] = totals.get(owner, 0.0) + weight
        rows = [
            (owner[0], _label(owner[1], category), weight / totals[owner])
            for owner, category, weight in zip(owners, memberships["category"].to_pylist(), weights, strict=True)
        ]
        # Whatever has no label of an attribute is in its category "unknown", which can have a price like any other.
        pairs = [(item, attribute) for attribute in self.attributes for item in items]
        rows += [
            (item, _label(attribute, UNKNOWN), 1.0) for item, attribute in pairs if (item, attribute) not in totals
        ]
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        return pa.table(
            {
                "item": pa.array(columns[0], pa.string()),
                "category": pa.array(columns[1], pa.string()),
                "weight": pa.array(columns[2], pa.float64()),
            }
        )


def price_file_bytes(prices: PriceFile, name: str) -> bytes:
    """The file's content, as JSON, or as YAML where the name ends in .yaml or .yml.

    Raises:
        BadPrices: another ending.
    """
    return _encoded(_as_plain(prices), name)


def prices_from_bytes(unverified: bytes, name: str) -> PriceFile:
    """The prices whose ``price_file_bytes`` under this name are these bytes.

    Raises:
        CorruptArtefact: anything else, such as another format or version, a key unknown, missing or twice, a wrong
            type, or another encoding of the same content.
        BadPrices: an unknown ending, or numbers that no fit writes.
    """
    if len(unverified) > MOST_BYTES:
        msg = f"{name}: expected at most {MOST_BYTES} bytes of prices, got {len(unverified)}"
        raise CorruptArtefact(msg)
    plain = _decoded(unverified, name)
    prices = _from_plain(plain, name)
    if price_file_bytes(prices, name) != unverified:
        msg = f"{name}: expected the one encoding of these prices, got another"
        raise CorruptArtefact(msg)
    return prices


def load_prices(path: Path, *, expected_digest: str | None) -> PriceFile:
    """Read a price file.

    ``expected_digest`` is the SHA-256 of its bytes in hex, as the ledger or a deployment's own repository has it; None
    reads whatever lies there.

    Raises:
        CorruptArtefact: it cannot be read, has another digest, or see ``prices_from_bytes``.
        BadPrices: see ``prices_from_bytes``.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as cause:
        msg = f"{path.name}: cannot be read as prices ({cause.strerror})"
        raise CorruptArtefact(msg) from cause
    found = price_file_digest(content)
    if expected_digest is not None and found != expected_digest:
        msg = f"{path.name}: expected digest {expected_digest}, found {found}"
        raise CorruptArtefact(msg)
    return prices_from_bytes(content, path.name)


def price_file_digest(content: bytes) -> str:
    """SHA-256 in hex, as `sha256sum` prints it."""
    return hashlib.sha256(content).hexdigest()


def _adds_up(certificate: Certificate) -> bool:
    bound, utility = certificate.bound, certificate.utility
    return bound == 0 or abs((bound - utility) / bound - certificate.gap) <= _ROOM


def _can_correct(controller: Controller | None) -> bool:
    known = controller is None or controller.name in get_args(ControllerName)
    return known and (controller is None or 0.0 < controller.gain < math.inf)


def _is_name(text: str) -> bool:
    """Text that one line can show: no control, format or line-breaking characters, no half of a surrogate pair."""
    kinds = {unicodedata.category(character) for character in text}
    return bool(text.strip()) and len(text) <= _LONGEST_NAME and not kinds & _UNSHOWN


def _label(attribute: str, category: str) -> str:
    return f"{attribute}={category}"


def _as_plain(prices: PriceFile) -> dict[str, Any]:
    version = VERSION if prices.controller is None else CONTROLLED_VERSION
    controller = {} if prices.controller is None else {"controller": dataclasses.asdict(prices.controller)}
    return {
        "format": FORMAT,
        "version": version,
        "unit": prices.unit,
        "list_length": prices.list_length,
        "attention": prices.attention,
        **controller,
        "prices": [dataclasses.asdict(each) for each in prices.prices],
        "certificate": dataclasses.asdict(prices.certificate),
        "policy": prices.policy,
        "inputs": dict(prices.inputs),
    }


_KEYS: Final = frozenset(
    {"format", "version", "unit", "list_length", "attention", "prices", "certificate", "policy", "inputs"}
)


def _from_plain(plain: object, name: str) -> PriceFile:
    if not isinstance(plain, dict) or plain.get("format") != FORMAT or type(plain.get("version")) is not int:
        msg = f"{name}: expected a file in the format {FORMAT}, got something else"
        raise CorruptArtefact(msg)
    if plain["version"] not in {VERSION, CONTROLLED_VERSION}:
        msg = f"{name}: expected version {VERSION} or {CONTROLLED_VERSION} of {FORMAT}, got {plain['version']}"
        raise CorruptArtefact(msg)
    controlled = plain["version"] == CONTROLLED_VERSION
    keys = _KEYS | {"controller"} if controlled else _KEYS
    if set(plain) != keys:
        msg = f"{name}: expected the keys {', '.join(sorted(keys))}, got others or fewer"
        raise CorruptArtefact(msg)
    lines, inputs = _typed(plain, "prices", list, name), _typed(plain, "inputs", dict, name)
    if not all(type(key) is str and type(value) is str for key, value in inputs.items()):
        msg = f"{name}: inputs: expected digests by name, got something else"
        raise CorruptArtefact(msg)
    return PriceFile(
        unit=_typed(plain, "unit", str, name),
        list_length=_typed(plain, "list_length", int, name),
        attention=_typed(plain, "attention", str, name),
        prices=tuple(_record(CategoryPrice, line, f"{name}: prices[{place}]") for place, line in enumerate(lines)),
        certificate=_record(Certificate, plain["certificate"], f"{name}: certificate"),
        policy=_typed(plain, "policy", str, name),
        inputs=tuple(sorted(inputs.items())),
        controller=_record(Controller, plain["controller"], f"{name}: controller") if controlled else None,
    )


def _record(kind: Any, plain: object, place: str) -> Any:  # noqa: ANN401 - one of three flat dataclasses
    fields = {field.name: str if field.type is ControllerName else field.type for field in dataclasses.fields(kind)}
    if not isinstance(plain, dict) or set(plain) != set(fields):
        msg = f"{place}: expected the keys {', '.join(sorted(fields))}, got others or fewer"
        raise CorruptArtefact(msg)
    return kind(**{key: _typed(plain, key, expected, place) for key, expected in fields.items()})


def _typed(plain: dict[str, Any], key: str, expected: Any, place: str) -> Any:  # noqa: ANN401 - as the type says
    if type(plain[key]) is not expected:
        msg = f"{place}: {key}: expected {expected.__name__}, got {type(plain[key]).__name__}"
        raise CorruptArtefact(msg)
    return plain[key]


def _encoded(plain: dict[str, Any], name: str) -> bytes:
    if _is_yaml(name):
        import yaml  # only who chose YAML waits for it

        text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=10_000)
        return (_HEADING + text).encode()
    return (json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _decoded(unverified: bytes, name: str) -> object:
    try:
        text = unverified.decode()
        return _from_yaml(text) if _is_yaml(name) else json.loads(text)
    except (ValueError, RecursionError) as cause:
        msg = f"{name}: expected {'YAML' if _is_yaml(name) else 'JSON'}, got {len(unverified)} bytes that are not"
        raise CorruptArtefact(msg) from cause


def _from_yaml(text: str) -> object:
    import yaml

    if not all(_LINE.fullmatch(line) for line in text.split("\n")):
        msg = "not the plain lines that prices are written in"
        raise ValueError(msg)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as cause:
        msg = "not YAML"
        raise ValueError(msg) from cause


def _is_yaml(name: str) -> bool:
    ending = name.rpartition(".")[2].lower()
    if ending not in {"json", "yaml", "yml"}:
        msg = f"{name}: expected a name that ends in .json, .yaml or .yml"
        raise BadPrices(msg)
    return ending != "json"
