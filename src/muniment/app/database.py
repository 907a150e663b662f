"""Which database this process works on, and its way to the newest schema."""

import asyncio
import importlib.resources
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from muniment.app.folder import make_data_folder
from muniment.app.settings import Settings
from muniment.app.tables import all_tables
from muniment.index.settings import VectorSettings
from muniment.index.spaces import ensure_space
from muniment.kit.errors import ConfigurationError
from muniment.ports.embedding import EmbedderIdentity
from muniment.postgres.embedded.supervisor import EmbeddedPostgres
from muniment.postgres.engine import DatabaseUrls, role_name
from muniment.postgres.migrator import Migrator, SchemaMismatchError, schema_revision
from muniment.postgres.roles import ensure_roles
from muniment.postgres.walls import Walls, lost_by_owner

_log = structlog.get_logger(__name__)

# Read while modules are loaded: an event loop would have to wait for it.
_PAGE = importlib.resources.files("muniment.app").joinpath("walls.sql").read_text("utf-8")


@asynccontextmanager
async def database_addresses(settings: Settings) -> AsyncIterator[DatabaseUrls]:
    """Give the addresses of the three roles; the embedded PostgreSQL runs as long as the block."""
    configured = settings.database
    await asyncio.to_thread(make_data_folder, settings.data_dir)
    if configured.url is None:
        folder = settings.data_dir / "postgres"
        async with EmbeddedPostgres(folder, fsync=configured.embedded_fsync) as embedded:
            yield DatabaseUrls(embedded.owner, embedded.serving, embedded.worker)
        return
    if configured.worker_url is None or configured.owner_url is None:
        missing = "worker_url" if configured.worker_url is None else "owner_url"
        raise ConfigurationError(
            f"database.url is set, but database.{missing} is not.",
            hint="The product signs in as three roles: one serves, one runs jobs, one migrates.",
        )
    yield DatabaseUrls(configured.owner_url, configured.url, configured.worker_url)


def walls_for(urls: DatabaseUrls) -> Walls:
    """Give the page of policies and grants, for the roles of these addresses."""
    return Walls(_PAGE, serving=role_name(urls.serving), worker=role_name(urls.worker))


async def ensure_walls(connection: AsyncConnection, urls: DatabaseUrls) -> None:
    """Refuse policies and grants of another version. Raises SchemaMismatchError."""
    if not await walls_for(urls).are_up(connection):
        raise SchemaMismatchError(
            "The policies and grants are not those of this version for these roles.",
            hint="Run `muniment migrate`.",
        )


async def ensure_owner(connection: AsyncConnection) -> None:
    """Refuse an owner without its rights on its own tables. Raises SchemaMismatchError."""
    if await lost_by_owner(connection):
        raise SchemaMismatchError(
            "The owner of the tables lacks rights on them.", hint="Run `muniment migrate`."
        )


async def prepare_owner(connection: AsyncConnection, urls: DatabaseUrls) -> None:
    """Refuse roles that the walls cannot hold; then give the owner back what it has lost.

    To be called before anything changes. The owner loses rights when its name stands in the
    address of another role: the page takes away what the role had.
    """
    async with connection.begin():
        await walls_for(urls).ensure_apart(connection)
        worker = role_name(urls.worker)
        for role in (role_name(urls.serving), worker):
            await ensure_roles(connection, worker=worker, role=role)
        for statement in await lost_by_owner(connection):
            await connection.exec_driver_sql(statement)


async def bring_up_to_date(
    urls: DatabaseUrls,
    identity: EmbedderIdentity,
    vectors: VectorSettings,
    *,
    rebuild_index: bool = False,
) -> None:
    """Migrate, put up the walls, register the embedding space; costs few reads when all is done."""
    migrator = Migrator(urls.owner, all_tables())
    async with migrator.connection() as connection:
        await prepare_owner(connection, urls)
        before = await schema_revision(connection)
    if before != Migrator.head():
        await migrator.upgrade()
        _log.info("database_migrated", before=before, after=await migrator.current())
    walls = walls_for(urls)
    async with migrator.connection() as connection:
        async with connection.begin():
            if not await walls.are_up(connection):
                await walls.apply(connection)
        await ensure_space(connection, identity, vectors, rebuild=rebuild_index)
