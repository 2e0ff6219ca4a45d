"""Is the process alive; can it work. No sign-in: a load balancer asks."""

from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, Response

from governance.database import require_current
from governance.errors import ConfigurationError, StaleDatabase
from governance.resources import migrations_dir
from governance.web.api.bodies import HealthOut, ReadyOut
from governance.web.dependencies import Context

router = APIRouter(tags=["health"])


@router.get("/health")
def show_health() -> HealthOut:
    """The process answers."""
    return HealthOut(status="ok", version=_version())


@router.get("/ready")
def show_readiness(context: Context, response: Response) -> ReadyOut:
    """Whether the database can be reached and is at the newest schema; 503 where not."""
    try:
        require_current(context.engine, migrations_dir("control"))
    except ConfigurationError as error:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return ReadyOut(status="not ready", control="behind" if isinstance(error, StaleDatabase) else "unreachable")
    return ReadyOut(status="ready", control="current")


def _version() -> str:
    try:
        return version("probity")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "not installed"
