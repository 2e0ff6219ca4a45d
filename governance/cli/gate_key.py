"""`probity gate key`: a key that signs checks, for a CI system that has no home."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from governance.cli.display import say, stdout


def create(
    file: Annotated[Path, typer.Argument(help="The key's file, for --sign-with. Never over one that is there.")],
    *,
    name: Annotated[str, typer.Option(help="The URI under which it speaks, such as https://ci.example/gate.")],
) -> None:
    """Make a key that signs checks; prints the line that who verifies needs. Keep the file as a secret."""
    from governance.attest.attester import encode_attester
    from governance.gate.outputs.attestation import create_key, load_key

    create_key(file, name, secrets.token_bytes)
    stdout.print(encode_attester(load_key(file).verifier_key), markup=False, soft_wrap=True)
    say(f"{file} is the secret; the line is for everybody")
