"""What every test may ask for: a real PostgreSQL, a migrated database, transactions."""

import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, nullcontext
from pathlib import Path
from typing import Unpack

import httpx2
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import HealthCheck, settings
from starlette.types import ASGIApp

from muniment.identity.key_file import KEY_BITS
from muniment.identity.local_issuer import LocalIssuer
from muniment.identity.settings import IdentitySettings
from muniment.kit.clock import SystemClock
from muniment.postgres.embedded.supervisor import EmbeddedPostgres, EmbeddedUrls
from tests.support.app import ClientMaker, make_client, running_app
from tests.support.blocking import GUARDED, blocking_refused
from tests.support.callers import CallerSpec, Claims
from tests.support.database import TestDatabase, migrated_database

# The same examples at every run of CI, however slow its machine: what random ones find is found at
# a developer's desk.
settings.register_profile(
    "ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
if os.environ.get("CI") == "true":
    settings.load_profile("ci")


def _configure_logging() -> None:
    # The console renderer's own tracebacks show every local variable, which takes seconds each.
    structlog.reset_defaults()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )


@pytest.fixture(autouse=True)
def _logging_is_put_back() -> Iterator[None]:
    """Undo what a command of the product set up in this process: its log goes to its own stream."""
    _configure_logging()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level


@pytest.fixture(autouse=True)
def _event_loop_is_never_blocked(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let calls fail that would make every other request wait."""
    with blocking_refused() if GUARDED & {*request.path.parts} else nullcontext():
        yield


@pytest.fixture(scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedUrls]:
    """One server for the whole run: the processes of a parallel run attach to the same one."""
    base = tmp_path_factory.getbasetemp()
    parallel = base.name.startswith("popen-")
    async with EmbeddedPostgres((base.parent if parallel else base) / "pg", fsync=False) as urls:
        yield urls


@pytest.fixture(scope="session")
async def migrated(
    cluster: EmbeddedUrls, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TestDatabase]:
    """The database of this test process, migrated once."""
    name = f"muniment_{Path(tmp_path_factory.getbasetemp()).name}".replace("-", "_")
    async with migrated_database(cluster, name) as database:
        yield database


@pytest.fixture
async def database(migrated: TestDatabase) -> AsyncIterator[TestDatabase]:
    """The migrated database, empty again after the test."""
    yield migrated
    await migrated.clean()


@pytest.fixture(scope="session")
def local_issuer() -> LocalIssuer:
    """The issuer of every token that `client` and `client_of` send."""
    key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    return LocalIssuer(key, IdentitySettings(), SystemClock())


@pytest.fixture(scope="session")
async def app(local_issuer: LocalIssuer, migrated: TestDatabase) -> AsyncIterator[ASGIApp]:
    """The application with its lifespan running."""
    async with running_app(local_issuer, migrated, SystemClock()) as asgi:
        yield asgi


@pytest.fixture
async def client_of(
    app: ASGIApp, local_issuer: LocalIssuer, database: TestDatabase
) -> AsyncIterator[ClientMaker]:
    """Make clients of any callers; they are closed after the test."""
    async with AsyncExitStack() as stack:

        def make(user: str | None = "alice", **claims: Unpack[Claims]) -> httpx2.AsyncClient:
            caller = None if user is None else CallerSpec(user, **claims)
            made = make_client(app, local_issuer, caller)
            stack.push_async_callback(made.aclose)
            return made

        yield make


@pytest.fixture
def client(request: pytest.FixtureRequest, client_of: ClientMaker) -> httpx2.AsyncClient:
    """A client of the caller in `@pytest.mark.principal(...)`; without the mark, of nobody."""
    mark = request.node.get_closest_marker("principal")
    return client_of(None) if mark is None else client_of(*mark.args, **mark.kwargs)
