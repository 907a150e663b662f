"""The application with the library in it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from fastapi import FastAPI
from starlette.types import ASGIApp

from muniment.adapters.originals.filesystem import FilesystemOriginals
from muniment.app.factory import create_app
from muniment.app.settings import Settings
from muniment.identity.idempotency import IdempotencyStore
from muniment.identity.key_file import KEY_BITS
from muniment.identity.local_issuer import LocalIssuer
from muniment.identity.settings import IdentitySettings
from muniment.kit.clock import SystemClock
from muniment.library.router.library import router as library
from muniment.library.service.admission import Admission
from muniment.library.service.contents import ContentService
from muniment.library.service.intake import Intake
from muniment.library.service.progress import ProgressService
from muniment.library.service.rule_check import RuleCheck
from muniment.library.service.uploads import UploadService
from muniment.library.settings import EventSettings, TenantLimits, UploadSettings
from muniment.postgres.prepared import PreparedReads
from muniment.profiles.router import router as users
from tests.library.arrange import Shelf, make_collection
from tests.support.app import ClientMaker, make_authenticator, served
from tests.support.database import SETTINGS, TestDatabase

IDENTITY = IdentitySettings(attributes={"department": "str", "clearance": "int"})
UPLOADS = UploadSettings.model_validate(
    {"max_bytes": 200_000, "max_files": 3, "max_request_bytes": 400_000}
)
LIMITS = TenantLimits()
EVENTS = EventSettings(max_streams=2)
READ_HERE = ("text/plain", "text/markdown", "text/html", "application/pdf")


@pytest.fixture(scope="session")
def local_issuer() -> LocalIssuer:
    """An issuer that may say departments and clearances."""
    key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    return LocalIssuer(key, IDENTITY, SystemClock())


@pytest.fixture(scope="session")
def originals_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("originals")


@pytest.fixture
def stored(originals_folder: Path) -> Shelf:
    """The files in the store of originals, counted from the beginning of the test."""
    return Shelf.of(originals_folder)


@asynccontextmanager
async def running_library(
    local_issuer: LocalIssuer,
    migrated: TestDatabase,
    originals: FilesystemOriginals,
    limits: TenantLimits = LIMITS,
) -> AsyncIterator[ASGIApp]:
    """Start the application with users and the library."""
    clock = SystemClock()
    idempotency = IdempotencyStore(migrated.serving)
    uploads = UploadService(
        migrated.serving,
        Intake(migrated.serving, originals),
        Admission(originals, limits, UPLOADS.min_free_bytes),
        idempotency,
        UPLOADS,
        limits,
        READ_HERE,
        RuleCheck.by(IDENTITY),
    )
    interval = timedelta(milliseconds=20)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[Mapping[str, object]]:
        async with PreparedReads(migrated.urls.serving, SETTINGS) as reads:
            yield {
                "authenticator": make_authenticator(local_issuer, reads, migrated, clock),
                "transactions": migrated.serving,
                "idempotency": idempotency,
                "identity": IDENTITY,
                "uploads": uploads,
                "contents": ContentService(migrated.serving, originals, clock),
                "progress": ProgressService(migrated.serving, clock, EVENTS, interval=interval),
            }

    async with served(create_app(Settings(), lifespan=lifespan, routers=[users, library])) as asgi:
        yield asgi


@pytest.fixture(scope="session")
async def app(
    local_issuer: LocalIssuer, migrated: TestDatabase, originals_folder: Path
) -> AsyncIterator[ASGIApp]:
    """The application with users and the library, its lifespan running."""
    async with running_library(
        local_issuer, migrated, FilesystemOriginals(originals_folder)
    ) as asgi:
        yield asgi


@pytest.fixture
def alice(client_of: ClientMaker) -> httpx2.AsyncClient:
    """Somebody with attributes that access rules ask for."""
    return client_of("alice", attributes={"department": "hr", "clearance": 3})


@pytest.fixture
async def collection(alice: httpx2.AsyncClient) -> str:
    """An empty collection of hers."""
    return await make_collection(alice)
