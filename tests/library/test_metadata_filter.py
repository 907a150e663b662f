"""Filters on metadata: the SQL finds exactly what the oracle says, whatever the values hold."""

from uuid import UUID

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import create_engine, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.library.metadata import METADATA, MetadataJson
from muniment.library.metadata_filter import (
    FilterPart,
    MetadataFilter,
    evaluate_metadata,
    metadata_predicate,
)
from muniment.library.models import Document
from tests.library.arrange import COLLECTIONS, add, make_collection
from tests.support.app import ClientMaker
from tests.support.database import TestDatabase
from tests.support.wall_rows import add_document, add_library

FILTER: TypeAdapter[FilterPart] = TypeAdapter(MetadataFilter)
KEYS = st.sampled_from(["a", "b", "a.b", "__proto__"])
TEXTS = st.sampled_from(
    ["", "a", "A", "b", "ä", "1", "true", "' or 1=1 --", '"', "$.a", "%", "𝄞", "\\", "{}", "null"]
)
NUMBERS = st.sampled_from([-1, 0, 1, 2, 2**53]) | st.sampled_from([-0.0, 0.5, 1.0, 1e300, 1e-9])
SCALARS = st.booleans() | NUMBERS | TEXTS
VALUES = SCALARS | st.lists(TEXTS, max_size=3)
METADATA_OF = st.dictionaries(KEYS, VALUES, max_size=3)

LEAVES = (
    st.fixed_dictionaries({"type": st.sampled_from(["eq", "ne"]), "key": KEYS, "value": SCALARS})
    | st.fixed_dictionaries(
        {
            "type": st.sampled_from(["gt", "gte", "lt", "lte"]),
            "key": KEYS,
            "value": NUMBERS | TEXTS,
        }
    )
    | st.fixed_dictionaries(
        {
            "type": st.sampled_from(["in", "nin"]),
            "key": KEYS,
            "value": st.lists(SCALARS, min_size=1, max_size=3),
        }
    )
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.fixed_dictionaries(
        {
            "type": st.sampled_from(["and", "or"]),
            "filters": st.lists(inner, min_size=1, max_size=3),
        }
    ),
    max_leaves=4,
)


@pytest.fixture
async def rows(database: TestDatabase) -> list[UUID]:
    async with database.owner.begin() as owner:
        library = await add_library(owner, 1)
        return [await add_document(owner, library) for _ in range(6)]


class TestSqlEqualsOracle:
    @given(
        stored=st.lists(METADATA_OF, min_size=6, max_size=6),
        wanted=st.lists(FILTERS, min_size=6, max_size=6),
    )
    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    async def test_for_any_metadata_and_filter(
        self,
        database: TestDatabase,
        rows: list[UUID],
        stored: list[MetadataJson],
        wanted: list[object],
    ) -> None:
        by_id = dict(zip(rows, map(METADATA.validate_python, stored), strict=True))
        async with AsyncSession(database.owner) as session:
            for document_id, metadata in by_id.items():
                await session.execute(
                    text("update document set metadata = cast(:metadata as jsonb) where id = :id"),
                    {"id": document_id, "metadata": METADATA.dump_json(metadata).decode()},
                )
            for part in map(FILTER.validate_python, wanted):
                found = await session.scalars(select(Document.id).where(metadata_predicate(part)))
                expected = {
                    document_id
                    for document_id, metadata in by_id.items()
                    if evaluate_metadata(part, metadata)
                }
                assert set(found) == expected, part


class TestMeaning:
    @pytest.mark.parametrize(
        ("part", "metadata", "holds"),
        [
            ({"type": "eq", "key": "a", "value": 1}, {"a": 1.0}, True),
            ({"type": "eq", "key": "a", "value": 1}, {"a": True}, False),
            ({"type": "eq", "key": "a", "value": "1"}, {"a": 1}, False),
            ({"type": "eq", "key": "a", "value": "x"}, {"a": ["x", "y"]}, True),
            ({"type": "eq", "key": "a", "value": "x"}, {}, False),
            ({"type": "ne", "key": "a", "value": "x"}, {}, True),
            ({"type": "ne", "key": "a", "value": "x"}, {"a": ["x", "y"]}, False),
            ({"type": "in", "key": "a", "value": ["x", 1]}, {"a": 1}, True),
            ({"type": "nin", "key": "a", "value": ["x", 1]}, {"a": "z"}, True),
            ({"type": "gt", "key": "a", "value": 1}, {"a": 2}, True),
            ({"type": "gt", "key": "a", "value": 1}, {"a": "2"}, False),
            ({"type": "gte", "key": "a", "value": "b"}, {"a": "ä"}, True),
            ({"type": "lt", "key": "a", "value": "b"}, {"a": "B"}, True),
            ({"type": "lte", "key": "a", "value": 1}, {"a": True}, False),
            ({"type": "lt", "key": "a", "value": "b"}, {"a": ["a"]}, False),
        ],
    )
    def test_is_typed(self, part: object, metadata: MetadataJson, *, holds: bool) -> None:
        assert evaluate_metadata(FILTER.validate_python(part), metadata) is holds


class TestStatement:
    def test_holds_no_value_and_no_key_of_the_caller(self) -> None:
        evil = "' or true --"
        part = FILTER.validate_python(
            {
                "type": "or",
                "filters": [
                    {"type": "eq", "key": "secret_key", "value": evil},
                    {"type": "gt", "key": "secret_key", "value": evil},
                    {"type": "nin", "key": "secret_key", "value": [evil]},
                ],
            }
        )
        written = str(metadata_predicate(part).compile(create_engine("postgresql+asyncpg://")))
        assert evil not in written
        assert "secret_key" not in written


class TestRefused:
    @pytest.mark.parametrize(
        "wanted",
        [
            {"type": "like", "key": "a", "value": "x"},
            {"type": "eq", "key": "a'; drop table document --", "value": "x"},
            {"type": "eq", "key": "a", "value": {"$ne": 1}},
            {"type": "eq", "key": "a", "value": None},
            {"type": "eq", "key": "a", "value": "nul\0"},
            {"type": "eq", "key": "a", "value": 2**60},
            {"type": "eq", "key": "a", "value": float("inf")},
            {"type": "gt", "key": "a", "value": True},
            {"type": "gt", "key": "a", "value": ["x"]},
            {"type": "in", "key": "a", "value": []},
            {"type": "in", "key": "a", "value": ["x"] * 257},
            {"type": "and", "filters": []},
            {"type": "eq", "key": "a", "value": 1, "more": 2},
            {"key": "a", "value": 1},
            [],
        ],
    )
    def test_what_is_no_filter(self, wanted: object) -> None:
        with pytest.raises(ValidationError):
            FILTER.validate_python(wanted)

    @pytest.mark.parametrize("depth", [9, 500, 20_000])
    def test_what_is_too_deep(self, depth: int) -> None:
        wanted: dict[str, object] = {"type": "eq", "key": "a", "value": 1}
        for _ in range(depth - 1):
            wanted = {"type": "and", "filters": [wanted]}
        with pytest.raises(ValidationError, match="8 levels"):
            FILTER.validate_python(wanted)

    def test_takes_what_is_just_deep_enough(self) -> None:
        wanted: dict[str, object] = {"type": "eq", "key": "a", "value": 1}
        for _ in range(7):
            wanted = {"type": "and", "filters": [wanted]}
        FILTER.validate_python(wanted)

    def test_what_is_too_wide(self) -> None:
        leaf = {"type": "eq", "key": "a", "value": 1}
        wide = {"type": "or", "filters": [leaf] * 64}
        with pytest.raises(ValidationError, match="128 parts"):
            FILTER.validate_python({"type": "and", "filters": [wide, wide]})


class TestOverHttp:
    @pytest.fixture
    def alice(self, client_of: ClientMaker) -> httpx2.AsyncClient:
        return client_of("alice")

    async def test_narrows_a_list(self, alice: httpx2.AsyncClient) -> None:
        collection = await make_collection(alice)
        hr = await add(alice, collection, "a.txt", fields={"metadata": {"department": "hr"}})
        await add(alice, collection, "b.txt", fields={"metadata": {"department": "eng"}})
        wanted = '{"type": "eq", "key": "department", "value": "hr"}'
        path = f"{COLLECTIONS}/{collection}/documents"
        found = (await alice.get(path, params={"filter": wanted})).json()["items"]
        assert [document["id"] for document in found] == [hr]

    @pytest.mark.parametrize("wanted", ["{", "[]", '{"type": "eq", "key": "\'", "value": 1}'])
    async def test_is_refused_by_name(self, alice: httpx2.AsyncClient, wanted: str) -> None:
        path = f"{COLLECTIONS}/{await make_collection(alice)}/documents"
        response = await alice.get(path, params={"filter": wanted})
        assert (response.status_code, response.json()["code"]) == (422, "invalid_filter")
        assert response.json()["errors"][0]["name"] == "filter"
