"""Looks at everything that must be right, and says in one sentence each what is not."""

import asyncio
import shutil
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass

from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from muniment.app.database import database_addresses, ensure_owner, ensure_walls
from muniment.app.folder import make_data_folder
from muniment.app.local_mode import refuse_open_local_mode
from muniment.app.orphan_check import ONLY_LOOK, Mending, check_orphans
from muniment.app.recall_check import check_recall
from muniment.app.settings import Settings
from muniment.app.tables import all_tables
from muniment.index.spaces import find_space
from muniment.ingestion.parsing.pool import ParserPool
from muniment.kit.error_translation import translate_error
from muniment.kit.errors import ConfigurationError, MunimentError
from muniment.kit.operational import causes
from muniment.kit.plugins import load_plugin
from muniment.ports.embedding import EMBEDDERS
from muniment.ports.originals import ORIGINALS
from muniment.postgres.engine import DatabaseUrls, create_engine, engine_url, role_name
from muniment.postgres.migrator import Migrator, ensure_current, schema_revision
from muniment.postgres.roles import DatabaseProblem, role_problems
from muniment.postgres.unit_of_work import Transactions

_ENOUGH_BYTES = 2**30

_UNREACHABLE: tuple[tuple[type[OSError], str], ...] = (
    (socket.gaierror, "The name of its host is not found."),
    (ConnectionRefusedError, "Nothing listens at its address."),
    (TimeoutError, "Its address did not answer in time."),
    (ssl.SSLError, "The encrypted connection to it cannot be made."),
    (ConnectionError, "It refused or ended the connection."),
    (OSError, "No connection to its address can be made."),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at and what is wrong with it; nothing where `problem` is None."""

    subject: str
    problem: str | None = None
    hint: str | None = None


async def examine(settings: Settings, mending: Mending = ONLY_LOOK) -> AsyncIterator[Finding]:
    """Look at one thing after the other; what a failed one hides is not looked at."""
    yield await _look("settings", lambda: _check_settings(settings))
    yield await _look("data folder", lambda: _check_folder(settings))
    yield await _look("embedding model", lambda: _check_embedder(settings))
    yield await _look("parsers", lambda: _check_parsers(settings))
    if not await asyncio.to_thread(settings.data_dir.is_dir):
        return
    yield await _look("store of originals", lambda: _check_originals(settings))
    async with AsyncExitStack() as stack:
        try:
            urls = await stack.enter_async_context(database_addresses(settings))
        except MunimentError as error:
            yield Finding("database", error.detail, error.hint)
            return
        async for finding in _examine_database(settings, urls, mending):
            yield finding


async def _examine_database(
    settings: Settings, urls: DatabaseUrls, mending: Mending
) -> AsyncIterator[Finding]:
    roles = (
        ("serving role", urls.serving, role_name(urls.worker)),
        ("worker role", urls.worker, None),
    )
    fit = True
    for subject, address, worker in roles:
        for finding in await _examine_role(settings, subject, address, worker):
            fit = fit and finding.problem is None
            yield finding
    schema = await _look("database schema", lambda: _check_schema(settings, urls))
    yield schema
    if schema.problem is not None:
        return
    walls = await _look("policies and grants", lambda: _check_walls(urls))
    yield walls
    if fit and walls.problem is None:
        yield await _look("files and rows", lambda: check_orphans(settings, urls, mending))
    space = await _look("embedding space", lambda: _check_space(settings, urls))
    yield space
    if space.problem is None:
        yield await _look("what searches find", lambda: check_recall(settings, urls))


async def _look(subject: str, check: Callable[[], Awaitable[None]]) -> Finding:
    try:
        await check()
    except (MunimentError, SQLAlchemyError, OSError) as error:
        known = error if isinstance(error, MunimentError) else translate_error(error)
        return Finding(subject, known.detail, known.hint)
    return Finding(subject)


async def _examine_role(
    settings: Settings, subject: str, address: SecretStr, worker: str | None
) -> list[Finding]:
    problems: list[DatabaseProblem] = []

    async def check() -> None:
        engine = create_engine(address, settings.database, application="muniment-doctor")
        try:
            with _told_if_unreachable():
                async with engine.connect() as connection:
                    problems.extend(await role_problems(connection, worker=worker))
        finally:
            await engine.dispose()

    finding = await _look(f"{subject} at {_address(address)}", check)
    found = [Finding(subject, problem.detail, problem.hint) for problem in problems]
    return found or [finding]


@contextmanager
def _told_if_unreachable() -> Iterator[None]:
    """Say what the operating system says of an address, where requests say that it will pass."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        seen = next((cause for cause in causes(error) if isinstance(cause, OSError)), None)
        if seen is None:
            raise
        why = next(sentence for kind, sentence in _UNREACHABLE if isinstance(seen, kind))
        raise ConfigurationError(
            f"The database cannot be reached. {why}",
            hint="Check host, port and sslmode of the address, and that the server runs.",
        ) from error


def _address(address: SecretStr) -> str:
    """Write where a database is, without the password."""
    url = engine_url(address)
    return f"{url.host or url.query.get('host', 'localhost')}/{url.database} ({url.username})"


async def _check_settings(settings: Settings) -> None:
    refuse_open_local_mode(settings)


async def _check_folder(settings: Settings) -> None:
    folder = settings.data_dir
    try:
        await asyncio.to_thread(make_data_folder, folder)
        usage = await asyncio.to_thread(shutil.disk_usage, folder)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {folder} cannot be used: {error.strerror}.",
            hint="Choose another one with --data-dir or data_dir.",
        ) from error
    if usage.free < _ENOUGH_BYTES:
        raise ConfigurationError(
            f"Only {usage.free // 2**20} MiB are free in {folder}.",
            hint="Make room, or choose another folder with --data-dir.",
        )


async def _check_embedder(settings: Settings) -> None:
    name = settings.embedding.space
    embedder = load_plugin(EMBEDDERS, name, settings.embedding.plugin_settings(name))
    try:
        await embedder.embed(["a word"])
    finally:
        await embedder.close()


async def _check_parsers(settings: Settings) -> None:
    pool = ParserPool(settings.parsing)
    try:
        await pool.offer()
    finally:
        await pool.close()


async def _check_originals(settings: Settings) -> None:
    folder = settings.data_dir / "originals"
    await asyncio.to_thread(make_data_folder, folder)
    try:
        # A folder of its own, so that nothing of the probe stays beside the originals.
        root = await asyncio.to_thread(tempfile.mkdtemp, dir=folder, prefix=".probe-")
        try:
            originals = load_plugin(ORIGINALS, "filesystem", {"root": root})
            await originals.put(originals.new_key(), _probe(), max_bytes=16)
        finally:
            await asyncio.to_thread(shutil.rmtree, root)
    except OSError as error:
        raise ConfigurationError(
            f"Nothing can be kept in {folder}: {error.strerror}.",
            hint="Look whose it is, or choose another data folder with --data-dir.",
        ) from error


async def _probe() -> AsyncIterator[bytes]:
    yield b"probe"


async def _check_schema(settings: Settings, urls: DatabaseUrls) -> None:
    async def check(connection: AsyncConnection) -> None:
        ensure_current(await schema_revision(connection))

    await _as_serving(settings, urls, check)


async def _check_walls(urls: DatabaseUrls) -> None:
    with _told_if_unreachable():
        async with Migrator(urls.owner, all_tables()).connection() as connection:
            await ensure_owner(connection)
            await ensure_walls(connection, urls)


async def _check_space(settings: Settings, urls: DatabaseUrls) -> None:
    name = settings.embedding.space
    embedder = load_plugin(EMBEDDERS, name, settings.embedding.plugin_settings(name))
    engine = create_engine(urls.serving, settings.database, application="muniment-doctor")
    try:
        async with Transactions(engine).begin(None) as session:
            await find_space(session, embedder.identity)
    finally:
        await engine.dispose()
        await embedder.close()


async def _as_serving(
    settings: Settings, urls: DatabaseUrls, check: Callable[[AsyncConnection], Awaitable[None]]
) -> None:
    engine: AsyncEngine = create_engine(
        urls.serving, settings.database, application="muniment-doctor"
    )
    try:
        with _told_if_unreachable():
            async with engine.connect() as connection:
                await check(connection)
    finally:
        await engine.dispose()
