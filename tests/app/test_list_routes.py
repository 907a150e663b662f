"""Every list costs the same number of statements, however much is on its page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import count
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from muniment.identity.local_issuer import ISSUER
from tests.library.arrange import add, add_bare_documents, give, make_collection
from tests.support.callers import ADMIN, MEMBER, CallerSpec
from tests.support.database import TestDatabase
from tests.support.statements import counted_statements
from tests.support.whole_product import WholeProduct, whole_product

MANY = 50


@dataclass(frozen=True)
class Place:
    """Where a list is asked for: the product, one collection and one document."""

    product: WholeProduct
    database: TestDatabase
    client: httpx2.AsyncClient
    collection: str
    document: str


async def add_users(place: Place, number: int) -> None:
    for _ in range(number):
        body = {"issuer": ISSUER, "subject": f"user-{next(numbers)}"}
        (await place.client.post("/api/v1/users", json=body)).raise_for_status()


async def add_collections(place: Place, number: int) -> None:
    for _ in range(number):
        await make_collection(place.client)


async def add_grants(place: Place, number: int) -> None:
    for _ in range(number):
        await give(place.client, place.collection, f"group:/team-{next(numbers)}", "reader")


async def add_documents(place: Place, number: int) -> None:
    await add_bare_documents(place.database, place.collection, number)


async def add_versions(place: Place, number: int) -> None:
    async with place.database.owner.begin() as owner:
        await owner.execute(
            text(
                "insert into document_version (document_id, number, tenant_id, media_type, bytes,"
                " sha256, original_key, created_by) select document_id, 1 + n, tenant_id,"
                " media_type, bytes, sha256, original_key, created_by from document_version,"
                " generate_series(1, cast(:further as int)) n where document_id = :id"
            ),
            {"id": place.document, "further": number},
        )


async def add_chunks(place: Place, number: int) -> None:
    """Upload a text of about so many chunks, and have it read."""
    paragraphs = [f"# Part {part}\n\n" + "A heron stands still. " * 60 for part in range(number)]
    await add(place.client, place.collection, "long.md", "\n\n".join(paragraphs).encode())
    await place.product.finish_jobs()


async def add_sources(place: Place, number: int) -> None:
    path = f"/api/v1/collections/{place.collection}/sources"
    for _ in range(number):
        body = {"url": f"http://10.0.0.1/{next(numbers)}"}
        (await place.client.post(path, json=body)).raise_for_status()


async def add_keys(place: Place, number: int) -> None:
    me = (await place.client.get("/api/v1/users/me")).raise_for_status().json()
    async with place.database.owner.begin() as owner:
        await owner.execute(
            text(
                "insert into api_key (id, tenant_id, account_id, name, prefix, secret_hash, scope,"
                " expires_at) select gen_random_uuid(), tenant_id, id, 'k', 'mun_',"
                " uuid_send(gen_random_uuid()), '{search:query}', now() + interval '1 day'"
                " from account, generate_series(1, cast(:number as int)) where id = :me"
            ),
            {"me": UUID(me["id"]), "number": number},
        )


async def add_sessions(place: Place, number: int) -> None:
    me = (await place.client.get("/api/v1/users/me")).raise_for_status().json()
    async with place.database.owner.begin() as owner:
        await owner.execute(
            text(
                "insert into web_session (id, id_hash, tenant_id, account_id, issuer, subject,"
                " rights, verified_at, last_seen_at, idle_expires_at, absolute_expires_at)"
                " select gen_random_uuid(), uuid_send(gen_random_uuid()), tenant_id, id, issuer,"
                " subject, '{}', now(), now(), 'infinity', 'infinity' from account,"
                " generate_series(1, cast(:number as int)) where id = :me"
            ),
            {"me": UUID(me["id"]), "number": number},
        )


numbers = count(1)
BUILDERS: Mapping[str, Callable[[Place, int], Awaitable[None]]] = {
    "/api/v1/api-keys": add_keys,
    "/api/v1/audit": add_grants,
    "/api/v1/users": add_users,
    "/api/v1/collections": add_collections,
    "/api/v1/collections/{collection_id}/grants": add_grants,
    "/api/v1/collections/{collection_id}/documents": add_documents,
    "/api/v1/collections/{collection_id}/sources": add_sources,
    "/api/v1/documents/{document_id}/versions": add_versions,
    "/api/v1/sessions": add_sessions,
    "/api/v1/documents/{document_id}/chunks": add_chunks,
}
"""How each list becomes longer. A list route that is not here fails the tests."""


@pytest.fixture(scope="module")
async def product(
    migrated: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[WholeProduct]:
    async with whole_product(migrated, tmp_path_factory.mktemp("lists")) as opened:
        yield opened


@pytest.fixture
async def place(product: WholeProduct, migrated: TestDatabase) -> AsyncIterator[Place]:
    spec = CallerSpec(f"lister-{next(numbers)}", (*MEMBER, *ADMIN))
    async with product.client(spec) as client:
        collection = await make_collection(client)
        document = await add(client, collection, "long.md", b"A heron stands still.")
        await product.finish_jobs()
        yield Place(product, migrated, client, collection, document)


async def cost_of(place: Place, path: str) -> tuple[int, int]:
    """Ask for a page; give its number of items and of statements."""
    address = path.format(collection_id=place.collection, document_id=place.document)
    with counted_statements() as statements:
        answer = await place.client.get(address, params={"limit": 200})
    return len(answer.raise_for_status().json()["items"]), len(statements)


@pytest.mark.parametrize("path", BUILDERS)
async def test_the_number_of_statements_does_not_grow(place: Place, path: str) -> None:
    few, little = await cost_of(place, path)
    await BUILDERS[path](place, MANY)
    many, much = await cost_of(place, path)
    assert many >= few + MANY // 2
    assert much == little > 0


def test_no_list_is_left_out(product: WholeProduct) -> None:
    document = product.api.openapi()
    schemas = document["components"]["schemas"]
    lists = {
        path
        for path, operations in document["paths"].items()
        for verb, operation in operations.items()
        if verb == "get" and is_page(operation, schemas)
    }
    assert lists == BUILDERS.keys()


def is_page(operation: Mapping[str, Mapping[str, Mapping[str, object]]], schemas: object) -> bool:
    """Tell whether an operation answers with a page, by what its answer is made of."""
    content = operation["responses"].get("200", {}).get("content")
    if not isinstance(content, Mapping) or not isinstance(schemas, Mapping):
        return False
    reference = str(content.get("application/json", {}).get("schema", {}).get("$ref", ""))
    properties = schemas.get(reference.rpartition("/")[2], {}).get("properties", {})
    return {"items", "next"} <= set(properties)
