"""Short ways to what most tests of the library begin with."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict
from uuid import UUID

import httpx2
import orjson
from sqlalchemy import text
from typing_extensions import override

from muniment.kit.ids import new_id
from tests.support.database import TestDatabase

COLLECTIONS = "/api/v1/collections"
DOCUMENTS = "/api/v1/documents"


@dataclass(frozen=True)
class Shelf:
    """The folder of originals, and what was in it when the test began."""

    folder: Path
    before: frozenset[Path]

    @classmethod
    def of(cls, folder: Path) -> "Shelf":
        return cls(folder, cls.files_in(folder))

    @staticmethod
    def files_in(folder: Path) -> frozenset[Path]:
        return frozenset(path for path in folder.rglob("*") if path.is_file())

    def new(self) -> frozenset[Path]:
        return self.files_in(self.folder) - self.before


class UnreadBody(httpx2.AsyncByteStream):
    """A body that nobody may ask for."""

    @override
    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")


class Fields(TypedDict, total=False):
    access: object
    metadata: object
    uri: str


async def make_collection(client: httpx2.AsyncClient, name: str = "Handbook") -> str:
    response = await client.post(COLLECTIONS, json={"name": name})
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def give(client: httpx2.AsyncClient, collection: str, principal: str, role: str) -> None:
    body = {"principal": principal, "role": role}
    response = await client.post(f"{COLLECTIONS}/{collection}/grants", json=body)
    assert response.is_success, response.text


async def name_of(client: httpx2.AsyncClient) -> str:
    """Give the name of a client's caller for grants."""
    return f"user:{(await client.get('/api/v1/users/me')).json()['id']}"


def form(fields: Mapping[str, object]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in fields.items()
    }


async def send(
    client: httpx2.AsyncClient,
    collection: str,
    name: str = "leave.txt",
    content: bytes = b"Thirty days of leave.",
    *,
    headers: Mapping[str, str] | None = None,
    fields: Mapping[str, object] | None = None,
) -> httpx2.Response:
    return await client.post(
        f"{COLLECTIONS}/{collection}/documents",
        files=[("file", (name, content))],
        data=form(fields or {}),
        headers=dict(headers or {}),
    )


async def add(
    client: httpx2.AsyncClient,
    collection: str,
    name: str = "leave.txt",
    content: bytes = b"Thirty days of leave.",
    *,
    fields: Mapping[str, object] | None = None,
) -> str:
    """Upload a document and give its id."""
    response = await send(client, collection, name, content, fields=fields)
    assert response.status_code == 202, response.text
    return str(response.json()["documents"][0]["id"])


async def restrict(client: httpx2.AsyncClient, document: str, rule: object) -> httpx2.Response:
    path = f"{DOCUMENTS}/{document}/access"
    return await client.put(path, json={"rule": rule}, headers={"If-Match": "*"})


async def mark_ready(database: TestDatabase, document: str, canonical: str) -> None:
    """Do to a document what its ingestion would."""
    async with database.owner.begin() as owner:
        values = {"id": UUID(document), "text": canonical}
        await owner.execute(
            text(
                "update document_version set text = :text, title = 'Leave', language = 'en',"
                " page_starts = '{0,7}', ready_at = now() where document_id = :id"
            ),
            values,
        )
        await owner.execute(
            text(
                "update document set status = 'ready', progress = 1, ready_version = version,"
                " updated_at = now() where id = :id"
            ),
            {"id": UUID(document)},
        )


async def mark_failed(database: TestDatabase, document: str) -> None:
    async with database.owner.begin() as owner:
        await owner.execute(
            text(
                "update document set status = 'failed', error_code = 'encrypted',"
                " error_detail = 'It has a password.' where id = :id"
            ),
            {"id": UUID(document)},
        )


async def jobs_of(database: TestDatabase) -> list[tuple[str, str]]:
    async with database.owner.connect() as owner:
        found = await owner.execute(text("select kind, key from job order by id"))
        return [(row.kind, row.key) for row in found]


async def pending_in(database: TestDatabase) -> int:
    """Count the originals that no document speaks of yet."""
    async with database.owner.connect() as owner:
        found = await owner.execute(text("select count(*) from pending_original"))
        return int(found.scalar_one())


async def add_bare_documents(database: TestDatabase, collection: str, number: int) -> None:
    """Add rows of documents without versions, for lists alone."""
    async with database.owner.begin() as owner:
        for _ in range(number):
            await owner.execute(
                text(
                    "insert into document (id, tenant_id, collection_id, name, media_type,"
                    " created_by, bytes, revision) select :id, tenant_id, id, 'bare.txt',"
                    " 'text/plain', created_by, 1, 1 from collection where id = :collection"
                ),
                {"id": new_id(), "collection": UUID(collection)},
            )
