"""Where a training adds up is the home's choice, and what comes out is the same wherever it is."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from governance.budget.reservations import state
from governance.clock import system_clock
from governance.errors import ConfigurationError
from governance.pipeline.home import Home, open_home
from governance.pipeline.speed import speed_of
from governance.settings import Training, load_settings
from recommender import relational_sums
from recommender.gram import exact_gram
from recommender.mechanism import Mechanism
from tests.pipeline.conftest import Run

# Ibis calls what this DuckDB already calls by another name.
pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")


def test_a_home_without_a_choice_adds_up_by_torch_on_two_threads(tmp_path: Path) -> None:
    with speed_of(load_settings(tmp_path).training) as speed:
        assert (speed.engine, speed.device, speed.threads) == (None, "cpu", 2)


def test_a_home_may_choose_duckdb(tmp_path: Path) -> None:
    (tmp_path / "probity.toml").write_text('[training]\nengine = "duckdb"\nthreads = 1\n')

    with speed_of(load_settings(tmp_path).training) as speed:
        rows = csr_matrix(np.array([[1, -2], [3, 4]], dtype=np.int64))
        assert speed.engine.name == "duckdb"
        assert speed.threads == 1
        assert exact_gram(rows, bits=12, performance=speed).tolist() == [[10, 10], [10, 20]]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('engine = "abacus"', r"training\.engine: Input should be 'torch', 'duckdb' or 'spark'"),
        ('device = "tpu"', r"training\.device: Input should be 'cpu' or 'cuda'"),
        ("threads = 0", r"training\.threads: Input should be greater than or equal to 1"),
        ("noise = 0", r"training\.noise: Extra inputs are not permitted"),
    ],
)
def test_another_word_is_refused_with_those_that_there_are(tmp_path: Path, written: str, said: str) -> None:
    (tmp_path / "probity.toml").write_text(f"[training]\n{written}\n")

    with pytest.raises(ConfigurationError, match=said):
        load_settings(tmp_path)


def test_nothing_that_moves_a_guarantee_can_be_set_here() -> None:
    assert not set(Training.model_fields) & set(Mechanism.__dataclass_fields__)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused_before_anything_is_reserved(keeping: Home, probity: Run) -> None:
    before = _reserved(keeping)

    ran = probity("train", "--home", keeping.settings.home, env={"PROBITY__TRAINING__DEVICE": "cuda"})

    assert ran.code == 2
    assert "training.device: expected one that is here, got cuda" in " ".join(ran.err.split())
    assert _reserved(keeping) == before


@pytest.mark.skipif(find_spec("pyspark") is not None, reason="pyspark is there")
def test_an_engine_that_is_not_installed_is_named_before_anything_is_reserved(keeping: Home, probity: Run) -> None:
    before = _reserved(keeping)

    ran = probity("train", "--home", keeping.settings.home, env={"PROBITY__TRAINING__ENGINE": "spark"})

    assert ran.code == 2
    assert ran.err.endswith("an extra that is not installed: install Probity with its extra `spark`\n")
    assert _reserved(keeping) == before


SPARK = """
import numpy as np
from scipy.sparse import csr_matrix
from governance.pipeline.speed import speed_of
from governance.settings import Training
from recommender.gram import exact_gram

with speed_of(Training(engine="spark")) as speed:
    rows = csr_matrix(np.array([[1, -2], [3, 4]], dtype=np.int64))
    print(speed.engine.name, exact_gram(rows, bits=12, performance=speed).tolist())
"""


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.skipif(find_spec("pyspark") is None or shutil.which("java") is None, reason="pyspark or Java is not there")
def test_a_home_may_choose_spark() -> None:
    done = subprocess.run([sys.executable, "-c", SPARK], capture_output=True, check=False, text=True)

    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split("\n")[0] == "pyspark [[10, 10], [10, 20]]"


@pytest.mark.slow
def test_a_training_adds_up_where_the_home_says(keeping: Home, probity: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = relational_sums.relational_gram

    def noted(rows: csr_matrix, engine: Any) -> np.ndarray:  # noqa: ANN401 - an Ibis backend
        asked.append(engine.name)
        return real(rows, engine)

    monkeypatch.setattr(relational_sums, "relational_gram", noted)
    ran = probity("train", "--home", keeping.settings.home, env={"PROBITY__TRAINING__ENGINE": "duckdb"})

    assert ran.code == 0, ran.err
    assert set(asked) == {"duckdb"}


def _reserved(home: Home) -> int:
    opened = open_home(load_settings(home.settings.home), clock=system_clock)
    with opened.transaction() as session:
        found = state(session, policy=opened.policies.privacy.value)
    opened.engine.dispose()
    return len(found.reservations)
