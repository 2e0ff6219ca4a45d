"""`probity serve`: the console with its API, and the gateway, each a process of its own."""

from typing import Annotated

import typer

from governance.cli.context import HomeOption, opened
from governance.cli.display import say, stdout
from governance.settings import DEFAULT_HOME

serve = typer.Typer(help="Run the console and API, or the ingestion gateway.", no_args_is_help=True)
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Instead of the one in the settings.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(serve, name="serve")


@serve.command("console")
def console(home: HomeOption = DEFAULT_HOME, port: Port = None) -> None:
    """Serve the reviewers' console and the API."""
    import uvicorn

    from governance.access.calls import call_key
    from governance.pipeline.desk import Desk
    from governance.pipeline.publication import trust_policy_of
    from governance.web.app import create_app
    from governance.web.context import WebContext

    here = opened(home)
    context = WebContext(
        engine=here.engine,
        settings=here.settings,
        policies=here.policies,
        clock=here.clock,
        ledger=here.folder("ledger"),
        call_key=call_key(here.keyring.event_id.current),
        desk=Desk(here),
        trust=trust_policy_of(here),
    )
    host, chosen = here.settings.web.host, port or here.settings.web.port
    say(f"console and API at http://{host}:{chosen} — sign in with a token from `probity access add` or `access token`")
    uvicorn.run(create_app(context), host=host, port=chosen, log_level="warning", access_log=False, server_header=False)


@serve.command("gateway")
def gateway(home: HomeOption = DEFAULT_HOME, port: Port = None) -> None:
    """Serve the ingestion gateway, which takes NDJSON batches from known clients."""
    import uvicorn

    from governance.pipeline.ingest import Recorder, open_gateway
    from pseudonymisation.gateway.clients import CLIENTS_FILE, load_clients
    from pseudonymisation.gateway.http import create_gateway

    here = opened(home)
    clients = load_clients(here.settings.folder("identity") / CLIENTS_FILE)
    host, chosen = here.settings.gateway.host, port or here.settings.gateway.port
    say(f"gateway at http://{host}:{chosen}, {len(clients)} clients known")
    app = create_gateway(open_gateway(here), Recorder(here), clients=clients)
    # No access log: it would hold the addresses of senders.
    uvicorn.run(app, host=host, port=chosen, log_level="warning", access_log=False, server_header=False)


@serve.command("client")
def client(
    name: Annotated[str, typer.Argument(help="A sender's name, for counts and quarantine.")],
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Let a sender post to the gateway and print its token, once. Restart a running gateway afterwards."""
    from pseudonymisation.gateway.clients import CLIENTS_FILE, add_client

    token = add_client(opened(home).settings.folder("identity") / CLIENTS_FILE, name)
    stdout.print(token, markup=False, soft_wrap=True)
