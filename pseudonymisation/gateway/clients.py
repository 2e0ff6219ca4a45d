"""Who may post to the gateway: a file in the identity plane with a name and a token's digest per line.

Trusted for: which senders are accepted. The tokens themselves are not in it.
"""

import json
import re
import secrets
from pathlib import Path

from pseudonymisation.durable import write_atomically
from pseudonymisation.errors import GatewayError
from pseudonymisation.gateway.http import Client, token_digest

CLIENTS_FILE = "clients.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)


def load_clients(path: Path) -> tuple[Client, ...]:
    """Everybody in the file; nobody where there is none.

    Raises:
        GatewayError: the file is not what `add_client` writes.
    """
    if not path.exists():
        return ()
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Client(name=str(each["name"]), token_sha256=str(each["token_sha256"])) for each in listed)
    except (ValueError, KeyError, TypeError) as cause:
        msg = f"{path.name}: expected a list of clients with name and token_sha256, got other content"
        raise GatewayError(msg) from cause


def add_client(path: Path, name: str) -> str:
    """Let a sender in; its token is returned here and stored nowhere. An existing name gets a new token.

    Raises:
        GatewayError: a name of other than 1 to 63 characters a-z, 0-9, dot, dash and underscore.
    """
    if _NAME.fullmatch(name) is None:
        msg = "client name: expected 1 to 63 characters a-z, 0-9, dot, dash or underscore, got others"
        raise GatewayError(msg)
    token = f"probity_gw_{secrets.token_urlsafe(32)}"
    others = [client for client in load_clients(path) if client.name != name]
    kept = [{"name": each.name, "token_sha256": each.token_sha256} for each in others]
    listed = [*kept, {"name": name, "token_sha256": token_digest(token)}]
    write_atomically(path, (json.dumps(listed, indent=1) + "\n").encode())
    return token
