"""`probity ledger watch`: follow a log from outside. Needs no home."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from governance.cli.context import JsonOption
from governance.cli.display import say, stdout
from governance.errors import InvalidInput, Unreachable
from governance.ledger.trust_policy import TrustPolicy, parse_policy
from governance.ledger.watch import Fetch, Sighting, folder_source, observe, web_source

_WEB = re.compile(r"https?://", re.IGNORECASE)
_PRIVATE = re.compile(r"https://|http://(127\.0\.0\.1|localhost|\[::1\])(?=[:/]|$)", re.IGNORECASE)
EVERY_S = 60.0


def watch(
    source: Annotated[str, typer.Argument(help="The log: an http(s) URL, or the folder of a published log.")],
    policy: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="A trust policy (tlog-policy): whose signatures must be there."),
    ],
    keep: Annotated[Path, typer.Option(help="Your folder of the checkpoints seen. Keep it: it is the memory.")],
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between looks.")] = EVERY_S,
    token_file: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Holds a token to show to the log; only with an https URL or a local one."
        ),
    ] = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Follow a log and keep its checkpoints; ends with 1 when it was rewritten or cut, and keeps the evidence."""
    trusted = parse_policy(policy.read_bytes())
    with _source(source, token_file) as fetch:
        try:
            _look(fetch, trusted, keep, once=once, as_json=as_json)
            while not once:
                time.sleep(every)
                _look(fetch, trusted, keep, once=once, as_json=as_json)
        except KeyboardInterrupt:
            say("stopped")


def _look(fetch: Fetch, policy: TrustPolicy, keep: Path, *, once: bool, as_json: bool) -> None:
    try:
        found = observe(fetch, policy, keep)
    except Unreachable as error:
        if once:
            raise
        say(f"{error}; will look again")
        return
    stdout.print(_as_json(found) if as_json else _in_words(found), markup=False, soft_wrap=True)


def _in_words(found: Sighting) -> str:
    checkpoint = found.cosigned.checkpoint
    witnesses = ", ".join(f"{each.name} at {each.cosigned_at.isoformat()}" for each in found.cosigned.witnesses)
    before = "first seen" if found.before is None else f"{checkpoint.size - found.before.size} new"
    signed = f"cosigned by {witnesses}" if witnesses else "no cosignatures"
    return f"{checkpoint.origin}: {checkpoint.size} entries ({before}), root {checkpoint.root.hex()}, {signed}"


def _as_json(found: Sighting) -> str:
    """One line, so that a program can follow."""
    checkpoint = found.cosigned.checkpoint
    return json.dumps(
        {
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "before": None if found.before is None else found.before.size,
            "witnesses": {each.name: each.cosigned_at.isoformat() for each in found.cosigned.witnesses},
        }
    )


@contextmanager
def _source(source: str, token_file: Path | None) -> Iterator[Fetch]:
    if _WEB.match(source) is None:
        if not Path(source).is_dir():
            msg = f"{source}: expected an http(s) URL or a folder"
            raise InvalidInput(msg)
        yield folder_source(Path(source))
        return
    import httpx

    token = token_file.read_text(encoding="utf-8").strip() if token_file is not None else None
    if token and _PRIVATE.match(source) is None:
        msg = "a token is shown only over https, or to this machine"
        raise InvalidInput(msg)
    with httpx.Client() as client:
        yield web_source(source, client, token=token)
