"""Short ways to what tests of sources begin with."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypedDict
from uuid import UUID

import httpx2
from sqlalchemy import text

from muniment.app.container import Shared
from muniment.kit.egress.client import EgressClient
from muniment.library.service.admission import Admission
from muniment.library.service.intake import Intake
from muniment.library.settings import TenantLimits
from muniment.ports.jobs import ClaimedJob
from muniment.postgres import jobs
from muniment.postgres.unit_of_work import Transactions
from muniment.sources.owner import Owners
from muniment.sources.tasks import FetchSource
from tests.support.database import TestDatabase
from tests.support.whole_product import WholeProduct

SOURCES = "/api/v1/sources"
PAGE = "/leave.txt"
LEASE = timedelta(seconds=15)
HOST = "wiki.example"
"""Known to `fetcher` alone."""
Meanwhile = Callable[[], Awaitable[object]]


class Fault(TypedDict):
    code: str
    detail: str


class Shown(TypedDict):
    """A source as it is shown."""

    id: str
    collection_id: str
    document_id: str | None
    url: str
    refetch_every: str | None
    status: str
    error: Fault | None
    fetched_at: str | None
    next_fetch_at: str | None


async def post_source(
    client: httpx2.AsyncClient, collection: str, url: str, **more: object
) -> httpx2.Response:
    body = {"url": url, **more}
    return await client.post(f"/api/v1/collections/{collection}/sources", json=body)


async def add_source(
    client: httpx2.AsyncClient, collection: str, url: str, **more: object
) -> Shown:
    response = await post_source(client, collection, url, **more)
    assert response.status_code == 202, response.text
    shown: Shown = response.json()
    return shown


async def read_source(client: httpx2.AsyncClient, source: Shown) -> Shown:
    response = await client.get(f"{SOURCES}/{source['id']}")
    assert response.status_code == 200, response.text
    shown: Shown = response.json()
    return shown


async def make_due(database: TestDatabase, *sources: Shown) -> None:
    """Let time pass until the sources are due."""
    async with database.owner.begin() as owner:
        for source in sources:
            await owner.execute(
                text("update source set next_at = now() where id = :id and next_at is not null"),
                {"id": UUID(source["id"])},
            )


async def count_rows(database: TestDatabase, table: str) -> int:
    async with database.owner.connect() as owner:
        found = await owner.execute(text(f"select count(*) from {table}"))
        return int(found.scalar_one())


def fetcher(
    product: WholeProduct,
    transactions: Transactions,
    *,
    limits: TenantLimits | None = None,
    max_bytes: int = 10_000,
    meanwhile: Meanwhile | None = None,
) -> FetchSource:
    """The job as the container makes it, with limits of the test's own.

    What happens `meanwhile`, happens when the host is looked up, with no transaction open.
    """
    shared: Shared = product.serving.shared
    limited = limits or TenantLimits()

    async def look_up(_host: str, _port: int) -> list[str]:
        if meanwhile is not None:
            await meanwhile()
        return ["127.0.0.1"]

    async def media_types() -> tuple[str, ...]:
        return ("text/plain", "text/html")

    return FetchSource(
        transactions,
        Intake(transactions, shared.originals),
        EgressClient(shared.settings.egress, look_up),
        Owners(shared.settings.identity, shared.clock),
        Admission(shared.originals, limited, 0),
        limited,
        max_bytes,
        media_types,
    )


async def claim(transactions: Transactions) -> ClaimedJob:
    async with transactions.begin(None) as session:
        job = await jobs.claim(session, "test", LEASE)
    assert job is not None
    return job


async def expire(database: TestDatabase, job: ClaimedJob) -> None:
    """Let the worker that holds a job be taken for dead."""
    async with database.owner.begin() as owner:
        await owner.execute(
            text("update job set lease_until = now() - interval '1 s' where id = :id"),
            {"id": job.id},
        )


async def refetch(product: WholeProduct, client: httpx2.AsyncClient, source: Shown) -> Shown:
    response = await client.post(f"{SOURCES}/{source['id']}/fetch")
    assert response.status_code == 202, response.text
    assert response.json()["status"] == "queued"
    await product.finish_jobs()
    return await read_source(client, source)


async def version_of(client: httpx2.AsyncClient, source: Shown) -> int:
    shown = await client.get(f"/api/v1/documents/{source['document_id']}")
    return int(shown.json()["version"])


async def outcome(client: httpx2.AsyncClient, source: Shown) -> tuple[str, str | None]:
    shown = await read_source(client, source)
    return shown["status"], None if shown["error"] is None else shown["error"]["code"]


def originals(product: WholeProduct) -> set[Path]:
    folder = product.serving.shared.settings.data_dir / "originals"
    return {file for file in folder.rglob("*") if file.is_file()}


async def run(database: TestDatabase, statement: str, **values: object) -> None:
    async with database.owner.begin() as owner:
        await owner.execute(text(statement), values)
