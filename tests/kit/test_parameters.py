from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from starlette.requests import Request

from muniment.kit.middleware import BODY_LIMIT_KEY
from muniment.kit.parameters import ExpectedRevision, Paging, body_limit
from muniment.kit.problems import add_problem_rendering
from tests.support.problem_walk import client_of

app = FastAPI()
add_problem_rendering(app)


@app.get("/list")
async def read_list(paging: Paging) -> dict[str, str | int | None]:
    return {"cursor": paging.cursor, "limit": paging.limit}


@app.get("/revision")
async def read_revision(expected: ExpectedRevision) -> dict[str, bool | list[str]]:
    return {"any": expected.matches_any, "tags": sorted(expected.tags)}


async def _read_limit(request: Request) -> int:
    limit: int = request.scope[BODY_LIMIT_KEY]
    return limit


@app.get("/limited", dependencies=[body_limit(7)])
async def read_limit(limit: Annotated[int, Depends(_read_limit)]) -> int:
    return limit


class TestPaging:
    @pytest.mark.parametrize(
        ("query", "cursor", "limit"),
        [
            ("", None, 50),
            ("?limit=1", None, 1),
            ("?limit=200&cursor=abc", "abc", 200),
            ("?cursor=", "", 50),
        ],
    )
    async def test_is_what_the_address_says(
        self, query: str, cursor: str | None, limit: int
    ) -> None:
        async with client_of(app) as client:
            answer = (await client.get(f"/list{query}")).json()
        assert answer == {"cursor": cursor, "limit": limit}

    @pytest.mark.parametrize("limit", ["0", "-1", "201", "1.5", "", "1e2", "٣"])
    async def test_a_limit_out_of_bounds_is_named(self, limit: str) -> None:
        async with client_of(app) as client:
            response = await client.get("/list", params={"limit": limit})
        assert response.status_code == 422
        assert [item["name"] for item in response.json()["errors"]] == ["limit"]


class TestExpectedRevision:
    async def test_is_read_from_the_header_alone(self) -> None:
        async with client_of(app) as client:
            read = await client.get("/revision", headers={"If-Match": 'W/"weak", "b", "a"'})
            missing = await client.get("/revision?if_match=*", headers={"If-None-Match": "*"})
        assert read.json() == {"any": False, "tags": ['"a"', '"b"']}
        assert missing.status_code == 428

    async def test_a_second_header_opens_nothing(self) -> None:
        two = [("If-Match", '"a"'), ("If-Match", "*")]
        async with client_of(app) as client:
            response = await client.get("/revision", headers=two)
        assert response.json() == {"any": False, "tags": ['"a"']}


class TestBodyLimit:
    async def test_is_known_before_the_handler_reads(self) -> None:
        async with client_of(app) as client:
            assert (await client.get("/limited")).json() == 7
