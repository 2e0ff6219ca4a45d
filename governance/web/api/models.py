"""Models over HTTP: what exists, what it came from, what was decided, what the audit measured."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from governance.registry.models import get_model, latest_report, list_models
from governance.registry.reports import read_report
from governance.web.api.bodies import DecisionOut, ModelDetailOut, ModelOut, ModelsOut, ReleaseOut, SnapshotOut
from governance.web.dependencies import Context, Transaction, requires
from governance.web.model_reading import ModelReading, read_model

router = APIRouter(prefix="/models", tags=["models"], dependencies=[requires("models:read")])


@router.get("")
def show_models(
    session: Transaction, offset: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> ModelsOut:
    """Models, newest first."""
    found = list_models(session, offset=offset, limit=limit + 1)
    models = [ModelOut.model_validate(each) for each in found[:limit]]
    return ModelsOut(models=models, next=offset + limit if len(found) > limit else None)


@router.get("/{model_id}")
def show_model(session: Transaction, model_id: UUID) -> ModelDetailOut:
    """One model with its release's guarantee, its parent, prices, decision and report."""
    return detail_out(read_model(session, get_model(session, model_id)))


@router.get("/{model_id}/report.json")
def show_report(session: Transaction, context: Context, model_id: UUID) -> Response:
    """The newest audit report, byte for byte as its digest was taken."""
    content = read_report(context.settings.home, latest_report(session, get_model(session, model_id)))
    return Response(content, media_type="application/json")


def detail_out(reading: ModelReading) -> ModelDetailOut:
    """A model as JSON."""
    model = reading.model
    return ModelDetailOut(
        **ModelOut.model_validate(model).model_dump(),
        author_id=model.author_id,
        parent_id=model.parent_id,
        prices=model.prices,
        release_made=ReleaseOut.model_validate(reading.release),
        snapshot=SnapshotOut.model_validate(reading.snapshot),
        decision=None
        if reading.decision is None
        else DecisionOut.model_validate(reading.decision, from_attributes=True),
        report=None if reading.report is None else reading.report.digest,
    )
