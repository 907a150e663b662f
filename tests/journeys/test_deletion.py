"""Deletion is deletion: from its commit on no way leads to a document, before any job has run."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.library.arrange import give
from tests.support.callers import MEMBER, CallerSpec
from tests.support.database import TestDatabase
from tests.support.whole_product import WholeProduct, whole_product

NAME, TEXT = "heron-plan.txt", b"The heron flies to the lighthouse at dawn."
QUESTION = "Where does the heron fly to?"
SECRETS = ("heron", "lighthouse")
PARTS = ("", "/text", "/chunks", "/content", "/versions", "/access", "/events")


@dataclass(frozen=True)
class Scene:
    """A document that was read, its owner, and a reader who has asked about it before."""

    product: WholeProduct
    owner: httpx2.AsyncClient
    reader: httpx2.AsyncClient
    collection: str
    document: str

    async def upload(self, name: str, content: bytes, key: str) -> httpx2.Response:
        return await self.owner.post(
            f"/api/v1/collections/{self.collection}/documents",
            files={"file": (name, content)},
            headers={"Idempotency-Key": key},
        )

    async def delete(self, path: str) -> None:
        answer = await self.owner.delete(f"/api/v1/{path}", headers={"If-Match": "*"})
        assert answer.status_code == 204, answer.text

    async def all_that_is_said(self, client: httpx2.AsyncClient) -> str:
        """Ask in every way what there is of it; give everything that comes back."""
        asked = {"query": QUESTION, "explain": True}
        said = [(await client.post("/api/v1/search", json=asked)).text.replace(QUESTION, "")]
        answer = await client.post("/api/v1/answers", json={"question": QUESTION})
        said.append(answer.text)
        said.append((await client.get(f"/api/v1/collections/{self.collection}/documents")).text)
        said.append((await client.get(f"/api/v1/collections/{self.collection}/events")).text)
        parts = [await client.get(f"/api/v1/documents/{self.document}{part}") for part in PARTS]
        return "\n".join([*said, *(part.text for part in parts)])


@pytest.fixture
async def scene(database: TestDatabase, tmp_path: Path) -> AsyncIterator[Scene]:
    async with whole_product(database, tmp_path) as product:
        owner = product.client(CallerSpec("olga", MEMBER))
        reader = product.client(CallerSpec("rene", MEMBER, groups=("/staff",)))
        async with owner, reader:
            made = await owner.post("/api/v1/collections", json={"name": "Marsh"})
            collection = str(made.json()["id"])
            await give(owner, collection, "group:/staff", "reader")
            scene = Scene(product, owner, reader, collection, "")
            uploaded = await scene.upload(NAME, TEXT, "first")
            document = str(uploaded.json()["documents"][0]["id"])
            await product.finish_jobs()
            yield Scene(product, owner, reader, collection, document)


class TestDeletion:
    async def test_shows_in_every_way_at_its_commit(self, scene: Scene) -> None:
        for client in (scene.owner, scene.reader):
            # The vectors of the question, and the tokens of both, are in the caches from here on.
            said = await scene.all_that_is_said(client)
            assert all(word in said for word in SECRETS)
        measured = (await scene.owner.get("/metrics")).text
        for cache in ("tokens", "query_vectors", "statements"):
            counter = f'muniment_cache_lookups_total{{cache="{cache}",outcome="hit"}}'
            assert f"{counter} 0.0" not in measured
            assert counter in measured
        await scene.delete(f"documents/{scene.document}")
        for client in (scene.owner, scene.reader):
            said = (await scene.all_that_is_said(client)).lower()
            assert not any(word in said for word in SECRETS)
            assert scene.document not in said
            found = await client.post("/api/v1/search", json={"query": QUESTION})
            assert found.json()["results"] == []
            answer = await client.post("/api/v1/answers", json={"question": QUESTION})
            assert (answer.json()["mode"], answer.json()["citations"]) == ("none", [])
            for part in PARTS:
                gone = await client.get(f"/api/v1/documents/{scene.document}{part}")
                assert gone.status_code == 404, part

    async def test_ends_the_stream_of_who_watches(self, scene: Scene) -> None:
        # Nobody reads this one, so that its stream stays open.
        waiting = await scene.upload("waiting.txt", b"Waiting herons.", "second")
        document = waiting.json()["documents"][0]["id"]

        async def watch(path: str) -> str:
            return (await scene.reader.get(f"/api/v1/{path}/events")).text

        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            of_document = group.create_task(watch(f"documents/{document}"))
            of_collection = group.create_task(watch(f"collections/{scene.collection}"))
            await asyncio.sleep(0.3)
            await scene.delete(f"documents/{document}")
        assert of_document.result().count("event: progress") == 1
        assert of_collection.result().count("event: progress") == 1
        assert '"waiting":0' in of_collection.result().rpartition("event: collection")[2]

    async def test_shows_in_the_answer_that_a_repeated_upload_gets(self, scene: Scene) -> None:
        repeated = await scene.upload(NAME, TEXT, "first")
        assert repeated.json()["documents"][0]["name"] == NAME
        await scene.delete(f"documents/{scene.document}")
        repeated = await scene.upload(NAME, TEXT, "first")
        assert (repeated.status_code, repeated.json()["code"]) == (410, "answer_gone")
        assert not any(word in repeated.text.lower() for word in SECRETS)
        listed = await scene.owner.get(f"/api/v1/collections/{scene.collection}/documents")
        assert listed.json()["items"] == []

    async def test_of_a_collection_shows_there_as_well(self, scene: Scene) -> None:
        await scene.delete(f"collections/{scene.collection}")
        repeated = await scene.upload(NAME, TEXT, "first")
        assert repeated.status_code in {404, 410}
        assert not any(word in repeated.text.lower() for word in SECRETS)

    async def test_leaves_no_copy_anywhere_once_the_jobs_are_done(
        self, scene: Scene, database: TestDatabase, tmp_path: Path
    ) -> None:
        await scene.delete(f"documents/{scene.document}")
        await scene.product.finish_jobs()
        assert [path for path in (tmp_path / "originals").rglob("*") if path.is_file()] == []
        async with database.owner.connect() as owner:
            tables = await owner.exec_driver_sql(
                "select relname from pg_class where relkind = 'r'"
                " and relnamespace = 'public'::regnamespace"
            )
            for table in tables.scalars().all():
                # That it was deleted, and by whom, stays: by the id alone.
                names_it = "" if table == "audit_entry" else f"|{scene.document}"
                held = await owner.exec_driver_sql(
                    f'select count(*) from "{table}" t where t::text'
                    f" ~* 'heron|lighthouse|{TEXT.hex()}|{NAME.encode().hex()}{names_it}'"
                )
                assert held.scalar_one() == 0, table
