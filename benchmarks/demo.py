"""Times the stages of the demo on this machine, each beside a floor measured in the same run.

    python benchmarks/demo.py [--subjects 6000] [--data FOLDER]

The floor says what the stage could not do without: parsing every line with the standard library's JSON for the
gateway, the noise-free dense product in float64 for the measurement, one pass over the exported bytes with SHA-256 for
the verification.
"""

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import numpy as np

from governance.access.principals import add_principal
from governance.clock import system_clock
from governance.ledger.export import export
from governance.ledger.publish import publish
from governance.ledger.trust_policy import trusting
from governance.ledger.verify import verify_folder
from governance.pipeline.audit import audit_model, decide_on
from governance.pipeline.home import OPERATOR, initialise
from governance.pipeline.ingest import ingest
from governance.pipeline.mitigate import mitigate
from governance.pipeline.snapshot import take_snapshot
from governance.pipeline.train import train
from governance.settings import load_settings
from pseudonymisation.sources.registry import open_source
from pseudonymisation.sources.sample import SampleSettings, write_sample
from pseudonymisation.sources.source import Source

T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What the work gives, and its seconds."""
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def parse_all(source: Source) -> int:
    """The gateway's floor: every line through the standard library's JSON parser."""
    parsed = 0
    for line in source.events():
        try:
            json.loads(line)
            parsed += 1
        except ValueError:
            continue
    return parsed


def hash_all(folder: Path) -> str:
    """The verification's floor: every byte of the export through SHA-256."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """Run the stages and print seconds, the floor's seconds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=SampleSettings().subjects)
    parser.add_argument("--data", type=Path)
    chosen = parser.parse_args()
    rows: list[tuple[str, float, float | None]] = []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        if chosen.data is None:
            _, seconds = timed(lambda: write_sample(base / "sample", SampleSettings(subjects=chosen.subjects)))
            rows.append(("generate the sample", seconds, None))
        source = open_source(chosen.data or base / "sample")
        home, seconds = timed(lambda: initialise(load_settings(base / "home"), clock=system_clock))
        rows.append(("make a home", seconds, None))
        _, floor = timed(lambda: parse_all(source))
        _, seconds = timed(lambda: ingest(home, source))
        rows.append(("ingest", seconds, floor))
        with home.transaction() as session:
            author = add_principal(
                session,
                "Benchmark",
                ["engineer"],
                principal_id=uuid4(),
                policy=home.policies.access.value,
                actor=OPERATOR,
                clock=home.clock,
            )
        snapshot, seconds = timed(lambda: take_snapshot(home, snapshot_id=uuid4()))
        rows.append(("snapshot", seconds, None))
        trained, seconds = timed(lambda: train(home, snapshot, training_id=uuid4(), author=author))
        width = source.catalogue().items.num_rows
        dense = np.random.default_rng(0).random((snapshot.subjects, width))
        _, floor = timed(lambda: dense.T @ dense)
        rows.append(("measure and fit every model", seconds, floor))
        model = trained.models["ease"].id
        _, seconds = timed(lambda: audit_model(home, model))
        rows.append(("audit one model", seconds, None))
        _, seconds = timed(lambda: decide_on(home, model, decision_id=uuid4()))
        rows.append(("decide", seconds, None))
        _, seconds = timed(lambda: mitigate(home, model, mitigated_id=uuid4(), author=author))
        rows.append(("fit exposure prices", seconds, None))
        _, seconds = timed(lambda: publish(home.engine, home.folder("ledger"), home.ledger_signer, clock=home.clock))
        rows.append(("publish the ledger", seconds, None))
        export(home.engine, home.folder("ledger"), base / "export")
        _, floor = timed(lambda: hash_all(base / "export"))
        trusted = trusting(home.ledger_signer.verifier_key)
        _, seconds = timed(lambda: verify_folder(base / "export", trusted))
        rows.append(("verify the export", seconds, floor))
    print(f"{'stage':<30}{'seconds':>10}{'floor':>10}{'ratio':>8}")
    for stage, seconds, base_line in rows:
        beside = "" if base_line is None else f"{base_line:>10.2f}{seconds / base_line:>8.1f}"
        print(f"{stage:<30}{seconds:>10.2f}{beside}")


if __name__ == "__main__":
    main()
