"""`probity witness`: a witness of one's own, which cosigns other people's logs. Needs no home."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from governance.cli.display import say, stdout
from governance.clock import system_clock
from governance.ledger.note import decode_vkey, encode_vkey
from governance.ledger.trust_policy import trusting
from governance.witness.folder import create_folder, open_folder

witness = typer.Typer(help="A witness: cosigns a log's checkpoints as long as it only grows.", no_args_is_help=True)
FolderArgument = Annotated[Path, typer.Argument(help="The witness's folder, never to be restored from a backup.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(witness, name="witness")


@witness.command("init")
def init(
    folder: FolderArgument,
    name: Annotated[str, typer.Option(help="The witness's name, like a URL without scheme: witness.example/one.")],
    log: Annotated[list[str], typer.Option(help="The vkey of a log to cosign; once for each log or key.")],
) -> None:
    """Make a witness's folder with a new key, and print the vkey that goes into other people's policies."""
    made = create_folder(folder, name, trusting(*map(decode_vkey, log)), draw=secrets.token_bytes)
    say(f"{folder}: a witness of {len(made.logs.logs)} logs; its public key is")
    stdout.print(encode_vkey(made.signer.witness_key), markup=False, soft_wrap=True)


@witness.command("key")
def key(folder: FolderArgument) -> None:
    """Print the witness's vkey."""
    stdout.print(encode_vkey(open_folder(folder).signer.witness_key), markup=False, soft_wrap=True)


@witness.command("serve")
def serve(
    folder: FolderArgument,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8100,
) -> None:
    """Serve the witness: logs post their checkpoints to it, anybody may read the last one it cosigned."""
    import uvicorn

    from governance.web.witness import create_witness_app

    here = open_folder(folder)
    say(f"{here.signer.name} at http://{host}:{port}, a witness of {len(here.logs.logs)} logs")
    app = create_witness_app(here, clock=system_clock)
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)
