"""Where a training adds up, as the home's settings say: how fast it is, and never what it measures or promises.

What can move a guarantee is a policy (``privacy.yaml``) and ends up in a mechanism. This is a setting, of another type,
in no artefact, manifest or attestation: every engine and device gives the same release to the last bit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from governance.errors import ConfigurationError
from governance.settings import Training
from recommender.errors import BadMechanism
from recommender.mechanism import Performance


@contextmanager
def speed_of(training: Training) -> Iterator[Performance]:
    """What these settings name, open while it is used: to be asked for before anything is reserved.

    Raises:
        ConfigurationError: there is no such device here.
        ModuleNotFoundError: the engine is not installed; the command line says which extra brings it.
    """
    from recommender.gram import verify_device  # torch

    speed = Performance(threads=training.threads, device=training.device)
    try:
        verify_device(speed)
    except BadMechanism as cause:
        msg = f"training.device: expected one that is here, got {training.device}: {cause}"
        raise ConfigurationError(msg) from cause
    if training.engine == "torch":
        yield speed
        return
    engine = _ENGINES[training.engine]()
    try:
        yield Performance(threads=training.threads, device=training.device, engine=engine)
    finally:
        engine.disconnect()


def _duckdb() -> Any:  # noqa: ANN401 - an Ibis backend
    import ibis

    return ibis.duckdb.connect()


def _spark() -> Any:  # noqa: ANN401 - an Ibis backend
    import ibis
    from pyspark.sql import SparkSession

    return ibis.pyspark.connect(SparkSession.builder.getOrCreate())


_ENGINES = {"duckdb": _duckdb, "spark": _spark}
