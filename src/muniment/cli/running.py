"""Commands that run the product: all of it, or one of its parts."""

import asyncio
import shlex
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue, SecretStr
from rich.text import Text

from muniment.app.container import Serving, Working, open_serving, open_shared, open_worker
from muniment.app.database import bring_up_to_date, database_addresses
from muniment.app.event_loop import stop_on_signals
from muniment.app.local_mode import refuse_open_local_mode
from muniment.app.server import reserved_address
from muniment.app.server import serve as serve_http
from muniment.cli.adding import add_files
from muniment.cli.command import Place, program, report, told_error
from muniment.cli.files import require_there
from muniment.cli.outcomes import tell
from muniment.cli.product import Product, roles_of, sign_in
from muniment.cli.terminal import console_of_messages
from muniment.sessions.local import LocalUser

Port = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 picks one.")
]


async def up(
    place: Place,
    port: Port = None,
    docs: Annotated[
        list[Path] | None, typer.Option("--docs", help="Documents to add at the start.")
    ] = None,
) -> None:
    """Start everything: PostgreSQL, migrations, API and worker. Ctrl-C stops it cleanly."""
    settings = place.settings(_with_port(port))
    refuse_open_local_mode(settings)
    await asyncio.to_thread(require_there, docs or [])
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(stop_on_signals(stop))
        listener = stack.enter_context(reserved_address(settings))
        urls = await stack.enter_async_context(database_addresses(settings))
        shared = await stack.enter_async_context(open_shared(settings))
        await bring_up_to_date(urls, shared.embedder.identity, settings.vectors)
        serving = await stack.enter_async_context(open_serving(shared, urls))
        working = await stack.enter_async_context(open_worker(shared, urls))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(working.worker.run())
            # In a task of its own, whose log entries alone carry the user's name.
            acting = await group.create_task(sign_in(serving, place.acting))
            product = Product(settings, urls, shared, serving, acting)
            adding = group.create_task(_add(product, working, docs or []))
            code = await _code_of_link(serving, place)
            await serve_http(serving, listener, stop, partial(_greet, place, code=code))
            adding.cancel()
            working.worker.stop()
            await running


async def serve(place: Place, port: Port = None) -> None:
    """Answer requests; the database must be migrated, and a worker must run somewhere."""
    settings = place.settings(_with_port(port))
    refuse_open_local_mode(settings)
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(stop_on_signals(stop))
        listener = stack.enter_context(reserved_address(settings))
        urls = await stack.enter_async_context(database_addresses(settings))
        shared = await stack.enter_async_context(open_shared(settings))
        serving = await stack.enter_async_context(open_serving(shared, urls))
        await serve_http(serving, listener, stop, partial(_greet, place))


async def worker(place: Place) -> None:
    """Run jobs; as many workers as you like may do so beside each other."""
    settings = place.settings()
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(stop_on_signals(stop))
        urls = await stack.enter_async_context(database_addresses(settings))
        shared = await stack.enter_async_context(open_shared(settings))
        working = await stack.enter_async_context(open_worker(shared, urls))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(working.worker.run())
            await stop.wait()
            working.worker.stop()
            await running


async def _add(product: Product, working: Working, docs: list[Path]) -> None:
    """Add documents while requests are answered; what cannot be added is told, nothing ends."""
    if not docs:
        return
    try:
        tell(await add_files(product, working.parsers, docs), console_of_messages())
    except Exception as error:  # noqa: BLE001 # boundary: who serves goes on serving
        report(told_error(error), as_json=False)


async def _code_of_link(serving: Serving, place: Place) -> SecretStr | None:
    """Make the code that signs the acting user in with a browser; in local mode alone."""
    local = serving.sign_in.browsers.local
    if local is None:
        return None
    return await local.make_code(LocalUser(place.acting, roles_of(place.acting)))


def _greet(place: Place, address: str, code: SecretStr | None = None) -> None:
    console = console_of_messages()
    console.print(f"[bold green]●[/] Muniment answers at [bold]{address}[/]  (API: {address}/docs)")
    if code is not None:
        link = f"{address}/auth/local?code={code.get_secret_value()}"
        console.print(Text("  Sign in, once: ").append(link, style="bold"), soft_wrap=True)
    # Whoever acts here owns what `add`, `demo` and `--docs` store; nobody else sees any of it.
    token = [*program(), "token", "--user", place.acting, *place.options()]
    console.print(Text("  A token:  ").append(shlex.join(token), style="bold"), soft_wrap=True)
    console.print("  [dim]Ctrl-C stops everything.[/]")


def _with_port(port: int | None) -> dict[str, JsonValue]:
    return {} if port is None else {"server": {"port": port}}
