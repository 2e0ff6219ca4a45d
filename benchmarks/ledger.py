"""Measures the ledger on this machine: durable appends, and proofs from the database.

    python benchmarks/ledger.py appends [--writers 32] [--seconds 8]
    python benchmarks/ledger.py proofs [--entries 1000000]

Appends: writers are threads of four processes, each appending one event a transaction, acknowledged when its commit
returns, while one sequencer gives places out. Beside them the floor: a row of the same bytes inserted and committed by
the driver alone. Databases are new, on this disk, with the durability that the product asks of them (PostgreSQL's
defaults; SQLite in WAL mode with synchronous=FULL).

Proofs: the inclusion proof of a random entry of a million, made from the database and verified against the signed root.
Verification of an export is in `ledger_verify.py`.
"""

import argparse
import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import ClassVar
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import Engine, insert
from sqlalchemy.orm import Session

from governance.clock import system_clock
from governance.database import create_engine_for, migrate, reading, reading_once, transaction
from governance.ledger.checkpoint import Checkpoint, sign_checkpoint
from governance.ledger.entry import encode_entry
from governance.ledger.merkle import leaf_hash
from governance.ledger.note import LedgerSigner, encode_vkey
from governance.ledger.published import CHECKPOINT, VKEY
from governance.ledger.sequencer import sequence, tile_rows
from governance.ledger.store import append, append_all, get_entry, size
from governance.ledger.stored_tiles import tile_reader
from governance.ledger.tables import LedgerEntry, LedgerTile
from governance.ledger.tiles import resume, shared_rows
from governance.resources import migrations_dir
from governance.web.ledger_reading import read_entry

PROCESSES = 4
BATCH = 256
SIGNER = LedgerSigner("probity.example/benchmark", bytes(range(32)))
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecided:
    """An event of the size that the pipeline's have, about 600 bytes as an entry."""

    kind: ClassVar[str] = "gate.decided"
    version: ClassVar[int] = 1

    decision: str = "f5b0a5f0-3e3a-4a51-9df4-7d6c1a2b3c4d"
    model: str = "0a6f7c1e-8b92-4a0e-b7a5-2f1e0d9c8b7a"
    report: str = "ab" * 32
    policy: str = "cd" * 32
    outcome: str = "fail"
    failed: tuple[str, ...] = ("exposure_share/european-works", "exposure_share/documentary")
    inconclusive: tuple[str, ...] = ("recall/under-25",)


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The URL of a new database on a new server with its default settings, which listens on a socket only."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if prefix:
        shutil.chown(folder, "postgres")
        folder.chmod(0o755)
    data, options = folder / "data", f"-k {folder} -c listen_addresses='' -c max_connections=80"
    run = partial(subprocess.run, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    run(
        [*prefix, str(binaries / "initdb"), "-D", str(data), "-U", "probity", "-A", "trust", "--locale=C", "-E", "UTF8"]
    )
    run([*prefix, str(binaries / "pg_ctl"), "-D", str(data), "-l", str(folder / "log"), "-o", options, "-w", "start"])
    try:
        yield f"postgresql+psycopg://probity@/postgres?host={folder}"
    finally:
        run([*prefix, str(binaries / "pg_ctl"), "-D", str(data), "-m", "fast", "-w", "stop"])


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """A migrated database of each kind, by name."""
    with (
        tempfile.TemporaryDirectory(prefix="probity-bench-") as server,
        tempfile.TemporaryDirectory() as folder,
        postgres(Path(server)) as url,
    ):
        found = {"PostgreSQL": url, "SQLite": f"sqlite:///{folder}/control.db"}
        for each in found.values():
            migrate(each, migrations_dir("control"))
        yield found


def write_until(url: str, threads: int, end: float, work: Callable[[Engine, float], int]) -> int:
    """Run ``work`` in so many threads of this process until ``end`` (wall clock); the sum of what they acknowledged."""
    engine = create_engine_for(url)
    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(lambda _: work(engine, end), range(threads)))
    engine.dispose()
    return done


def append_singly(engine: Engine, end: float) -> int:
    """One event a transaction, as a change in the house does it; the place is given by the sequencer beside."""
    done = 0
    while time.time() < end:
        with Session(engine) as session, session.begin():
            append(session, GateDecided(), actor="role:engineer", entry_id=uuid4(), clock=system_clock)
        done += 1
    return done


def append_in_batches(engine: Engine, end: float) -> int:
    """A batch of events a transaction."""
    done = 0
    while time.time() < end:
        events = [(uuid4(), GateDecided()) for _ in range(BATCH)]
        with Session(engine) as session, session.begin():
            append_all(session, events, actor="role:engineer", clock=system_clock)
        done += BATCH
    return done


def insert_with_driver(engine: Engine, end: float) -> int:
    """The floor: the driver inserts a row of the same bytes and commits."""
    body = encode_entry(GateDecided(), actor="role:engineer", entry_id=uuid4(), at=NOON)
    done = 0
    if engine.dialect.name == "postgresql":
        with psycopg.connect(engine.url.render_as_string(hide_password=False).replace("+psycopg", "")) as connection:
            while time.time() < end:
                connection.execute("insert into floor values (%s, %s)", (uuid4(), body))
                connection.commit()
                done += 1
        return done
    with closing(sqlite3.connect(str(engine.url.database), timeout=30, isolation_level=None)) as connection:
        connection.execute("pragma synchronous = full")
        while time.time() < end:
            connection.execute("begin immediate")
            connection.execute("insert into floor values (?, ?)", (uuid4().bytes, body))
            connection.execute("commit")
            done += 1
    return done


def sequence_until(url: str, stop: threading.Event) -> None:
    """The one sequencer: looks into the inbox every few milliseconds, and once more at the end."""
    engine = create_engine_for(url)
    while not stop.is_set():
        if not sequence(engine):
            time.sleep(0.005)
    sequence(engine)
    engine.dispose()


def measure(url: str, writers: int, seconds: float, work: Callable[[Engine, float], int]) -> tuple[float, float, int]:
    """Acknowledged a second, given a place a second, and how many waited longest when the writers stopped."""
    engine, stop = create_engine_for(url), threading.Event()
    with reading(engine) as session:
        before = size(session)
    sequencer = threading.Thread(target=sequence_until, args=(url, stop))
    processes = min(PROCESSES, writers)
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(abs, range(processes)))
        begin = time.time()
        sequencer.start()
        runs = [pool.submit(write_until, url, writers // processes, begin + seconds, work) for _ in range(processes)]
        acknowledged = sum(run.result() for run in runs)
    accepted_s = time.time() - begin
    with reading(engine) as session:
        placed_meanwhile = size(session) - before
    stop.set()
    sequencer.join()
    placed_s = time.time() - begin
    with reading(engine) as session:
        placed = size(session) - before
    engine.dispose()
    if work is not insert_with_driver and placed != acknowledged:
        msg = f"{acknowledged} were acknowledged, but {placed} have a place"
        raise AssertionError(msg)
    return acknowledged / accepted_s, placed / placed_s, acknowledged - placed_meanwhile


WAYS = {"one a transaction": append_singly, f"{BATCH} a transaction": append_in_batches}


def appends(writers: int, seconds: float) -> None:
    """Print appends a second for one writer and many, on both databases, beside the floor."""
    head = f"{'':<12}{'writers':>8}  {'':<22}{'accepted/s':>12}{'placed/s':>10}{'waiting':>9}{'of floor':>10}"
    print(head)
    with databases() as urls:
        for name, url in urls.items():
            with create_engine_for(url).begin() as connection:
                kind = "uuid" if name == "PostgreSQL" else "blob"
                body = "bytea" if name == "PostgreSQL" else "blob"
                connection.exec_driver_sql(f"create table floor (id {kind} primary key, body {body})")
            for number in (1, writers):
                floor, _, _ = measure(url, number, seconds, insert_with_driver)
                print(f"{name:<12}{number:>8}  {'floor (driver)':<22}{floor:>12,.0f}")
                for words, work in WAYS.items():
                    accepted, placed, waiting = measure(url, number, seconds, work)
                    ratio = f"{accepted / floor:>10.2f}"
                    print(f"{name:<12}{number:>8}  {words:<22}{accepted:>12,.0f}{placed:>10,.0f}{waiting:>9,}{ratio}")


def fill(engine: Engine, folder: Path, entries: int) -> None:
    """A log of so many entries with its tiles, and its checkpoint in ``folder``.

    Built without the inbox, and published without tiles: neither is what is measured.
    """
    body = encode_entry(GateDecided(), actor="role:engineer", entry_id=UUID(int=0), at=NOON)
    old = str(UUID(int=0)).encode()
    for begin in range(0, entries, 20_000):
        rows = []
        for seq in range(begin, min(begin + 20_000, entries)):
            entry = body.replace(old, str(UUID(int=seq)).encode())
            row = {"seq": seq, "id": UUID(int=seq), "kind": GateDecided.kind, "at": NOON, "actor": "role:engineer"}
            rows.append({**row, "body": entry, "leaf_hash": leaf_hash(entry)})
        with transaction(engine) as session:
            session.execute(insert(LedgerEntry), rows)
            for tile in tile_rows(session, begin, begin + len(rows)):
                session.execute(insert(LedgerTile), tile)
    with reading(engine) as session:
        root = resume(entries, tile_reader(session)).root()
    (folder / VKEY).write_text(encode_vkey(SIGNER.verifier_key))
    (folder / CHECKPOINT).write_bytes(sign_checkpoint(Checkpoint(SIGNER.name, entries, root), SIGNER))


def timed(engine: Engine, read: Callable[[Session, int], object], rng: random.Random, entries: int) -> float:
    """Milliseconds of one reading of a random entry, in a session of its own."""
    index = rng.randrange(entries)
    begin = time.perf_counter()
    with reading_once(engine) as session:
        read(session, index)
    return (time.perf_counter() - begin) * 1e3


def timed_first(engine: Engine, read: Callable[[Session, int], object], rng: random.Random, entries: int) -> float:
    """The same with nothing at hand: a new connection with nothing prepared, and no tile known from another proof."""
    engine.dispose()
    shared_rows.cache_clear()
    return timed(engine, read, rng, entries)


def proofs(entries: int, number: int = 2000, firsts: int = 200) -> None:
    """Print how long the proof of a random entry takes, in milliseconds, beside reading that entry alone.

    Proving is what the API does for one entry: read the published checkpoint, verify its signature, read the entry and
    the tiles, and verify the path.
    """
    rng = random.Random(1)  # noqa: S311 - a benchmark
    with databases() as urls, tempfile.TemporaryDirectory() as folder:
        prove = partial(prove_entry, Path(folder))
        for name, url in urls.items():
            engine = create_engine_for(url)
            begin = time.perf_counter()
            fill(engine, Path(folder), entries)
            print(f"{name}: {entries:,} entries stored in {time.perf_counter() - begin:.0f} s")
            report(f"{name:<12}read it", [timed(engine, get_entry, rng, entries) for _ in range(number)])
            report(f"{name:<12}prove it", [timed(engine, prove, rng, entries) for _ in range(number)])
            report(f"{name:<12}prove it, cold", [timed_first(engine, prove, rng, entries) for _ in range(firsts)])
            engine.dispose()


def prove_entry(folder: Path, session: Session, index: int) -> object:
    """The entry and its path to the signed root, verified."""
    return read_entry(session, folder, index)


def report(words: str, taken_ms: list[float]) -> None:
    """Print percentiles, and how busy the machine was meanwhile."""
    ordered, (load, _, _) = sorted(taken_ms), os.getloadavg()
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    print(f"{words:<28}p50 {p50:7.2f} ms   p99 {p99:7.2f} ms   worst {ordered[-1]:7.2f} ms   load {load:.1f}")


def main() -> None:
    """Choose what to measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["appends", "proofs"])
    parser.add_argument("--writers", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--entries", type=int, default=1_000_000)
    chosen = parser.parse_args()
    if chosen.what == "appends":
        appends(chosen.writers, chosen.seconds)
    else:
        proofs(chosen.entries)


if __name__ == "__main__":
    main()
