"""Pages: templates, what every one of them is given, and how values are written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from governance.access.permissions import permissions_of
from governance.access.tables import Principal
from governance.policy.rules import AccessPolicy
from governance.registry.tables import Model
from governance.sentences import figure
from governance.web.forms import TOKEN_FIELD, bound_cookie, token_for

KINDS = {"ease": "EASE", "svd": "SVD", "item_cf": "item-based CF", "user_cf": "user-based CF"}
"""Names of methods whose slugs do not read as words."""
HERE = Path(__file__).parent
DIGEST_SHOWN = 12
UUID_GROUP = 8
UUID_LENGTH = 36
MIDNIGHT = time()


@dataclass(frozen=True, slots=True)
class Section:
    """A place in the navigation, shown to those who may read it."""

    path: str
    title: str
    permission: str


NAVIGATION = (
    Section("/", "Overview", "ledger:read"),
    Section("/models", "Models", "models:read"),
    Section("/reviews", "Reviews", "models:read"),
    Section("/waivers", "Waivers", "models:read"),
    Section("/requests", "Requests", "requests:read"),
    Section("/ledger", "Ledger", "ledger:read"),
    Section("/budget", "Budget & consents", "ledger:read"),
    Section("/policies", "Policies", "ledger:read"),
)


def moment(at: datetime | None) -> str:
    """A moment in UTC, to the minute."""
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def stamp(at: datetime) -> str:
    """A moment of the ledger; the day alone where the entry keeps no more, so that a lone request names nobody."""
    return day(at) if at.astimezone(UTC).time() == MIDNIGHT else moment(at)


def clock_time(at: datetime) -> str:
    """The time of day of an entry, empty where it keeps no more than its day."""
    return "" if at.astimezone(UTC).time() == MIDNIGHT else at.astimezone(UTC).strftime("%H:%M")


def weekday(on: date) -> str:
    """A day with its name."""
    return f"{on:%A}, {on.isoformat()}"


def day(on: date | None) -> str:
    """A day; of a moment, the day in UTC."""
    if isinstance(on, datetime):
        on = on.astimezone(UTC).date()
    return "" if on is None else on.isoformat()


def short(digest: object) -> str:
    """The first digits of a digest or pseudonym; of an id, its first group."""
    text = str(digest)
    shown = UUID_GROUP if len(text) == UUID_LENGTH and "-" in text else DIGEST_SHOWN
    return text if len(text) <= shown else text[:shown] + "…"


def count(value: int) -> str:
    """A whole number with groups of three."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def words(slug: str) -> str:
    """A slug as one reads it."""
    return slug.replace("_", " ").replace("-", " ")


def kind(slug: str) -> str:
    """A method of making models, as people call it."""
    return KINDS.get(slug, words(slug))


def model_name(model: Model) -> str:
    """A model as people call it: its method, and whether exposure prices were added."""
    name = kind(model.kind)
    return f"{name} with prices" if model.prices else name


def pretty(value: object) -> str:
    """JSON to read."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=dict)


FILTERS = {
    "moment": moment,
    "stamp": stamp,
    "clock_time": clock_time,
    "weekday": weekday,
    "day": day,
    "short": short,
    "count": count,
    "figure": figure,
    "words": words,
    "kind": kind,
    "model_name": model_name,
    "pretty": pretty,
}


def create_environment() -> Environment:
    """Templates: text is escaped, and a name that is not given is an error."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment


TEMPLATES = create_environment()


def render(
    request: Request,
    template: str,
    values: Mapping[str, object],
    *,
    principal: Principal | None,
    status: HTTPStatus = HTTPStatus.OK,
) -> HTMLResponse:
    """One page with its frame: navigation, who is signed in, tokens for its forms."""
    policy: AccessPolicy = request.app.state.context.policies.access.value
    given = _frame(request, principal, policy, bound_cookie(request))
    return HTMLResponse(TEMPLATES.get_template(template).render({**given, **values}), status.value)


def _frame(
    request: Request, principal: Principal | None, policy: AccessPolicy, cookie: str | None
) -> Mapping[str, Any]:
    permissions = permissions_of(principal, policy) if principal is not None else frozenset()
    path = "/" + request.url.path.strip("/").partition("/")[0]
    return {
        "principal": principal,
        "section": path,
        "navigation": [each for each in NAVIGATION if each.permission in permissions],
        "may": permissions.__contains__,
        "form_token": partial(_token_input, cookie),
    }


def _token_input(cookie: str | None) -> Markup:
    value = token_for(cookie) if cookie else ""
    return Markup('<input type="hidden" name="{}" value="{}">').format(TOKEN_FIELD, value)
