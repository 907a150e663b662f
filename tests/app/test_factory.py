from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from muniment.app.settings import Settings
from tests.support.demo_app import create_demo_app
from tests.support.problem_walk import assert_problem, client_of


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_demo_app().openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (path, operation)
        for path, verbs in document["paths"].items()
        for operation in verbs.values()
    ]


class TestOpenApi:
    def test_operations_are_named_after_their_handlers(self, document: dict[str, Any]) -> None:
        names = [operation["operationId"] for _, operation in operations(document)]
        assert len(names) == len(set(names))
        assert {"list_notes", "write_note", "check_health"} <= set(names)

    def test_every_failure_is_a_documented_problem(self, document: dict[str, Any]) -> None:
        for path, operation in operations(document):
            if not path.startswith("/api/v1"):
                continue
            assert {"500", "503"} <= operation["responses"].keys(), path
            for status, response in operation["responses"].items():
                if status >= "400":
                    (media,) = response["content"]
                    assert media == "application/problem+json", (path, status)
                    assert response["content"][media]["examples"], (path, status)

    def test_the_usual_errors_join_those_of_the_route(self, document: dict[str, Any]) -> None:
        response = document["paths"]["/api/v1/notes"]["get"]["responses"]["422"]
        examples = response["content"]["application/problem+json"]["examples"]
        assert set(examples) == {"invalid_cursor", "invalid_input", "unknown_parameter"}
        assert "`invalid_input`" in response["description"]

    def test_the_schemas_of_the_framework_are_gone(self, document: dict[str, Any]) -> None:
        schemas = document["components"]["schemas"]
        assert {"Problem", "ProblemItem"} <= schemas.keys()
        assert not {"HTTPValidationError", "ValidationError"} & schemas.keys()
        assert "in" in schemas["ProblemItem"]["properties"]

    def test_callers_need_a_token_under_the_api(self, document: dict[str, Any]) -> None:
        assert document["openapi"].startswith("3.1")
        assert document["components"]["securitySchemes"]["bearer"]["bearerFormat"] == "JWT"
        for path, operation in operations(document):
            assert ("security" in operation) == path.startswith("/api/v1"), path

    def test_says_what_and_whose_it_is(self, document: dict[str, Any]) -> None:
        assert document["info"]["license"]["identifier"] == "Apache-2.0"
        assert document["servers"][0]["url"] == "http://127.0.0.1:8000"
        tags = {tag["name"] for tag in document["tags"] if tag["description"]}
        assert {tag for _, one in operations(document) for tag in one["tags"]} <= tags

    def test_is_made_once(self) -> None:
        app = create_demo_app()
        assert app.openapi() is app.openapi()


class TestDocsPage:
    async def test_loads_nothing_from_elsewhere(self) -> None:
        async with client_of(create_demo_app()) as client:
            page = await client.get("/docs")
            style = await client.get("/docs/page.css")
            script = await client.get("/docs/page.js")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert style.headers["content-type"] == "text/css; charset=utf-8"
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        whole = page.text + style.text + script.text
        assert len(whole.encode()) < 40_000
        assert "//cdn" not in whole
        assert 'src="http' not in whole
        assert "@import" not in whole
        assert "innerHTML" not in whole

    async def test_runs_under_its_policy(self) -> None:
        async with client_of(create_demo_app()) as client:
            page = await client.get("/docs")
        policy = page.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "style=" not in page.text
        assert "onclick" not in page.text
        assert page.text.count("<script") == page.text.count("<script src=")

    async def test_is_not_sent_again(self) -> None:
        async with client_of(create_demo_app()) as client:
            first = await client.get("/docs/page.js")
            again = await client.get(
                "/docs/page.js", headers={"If-None-Match": first.headers["etag"]}
            )
        assert again.status_code == 304
        assert again.content == b""

    async def test_can_be_switched_off(self) -> None:
        app = create_demo_app(Settings.model_validate({"server": {"docs": False}}))
        async with client_of(app) as client:
            for path in ("/docs", "/openapi.json", "/docs/page.js"):
                assert_problem(await client.get(path), 404)


class TestLifespan:
    async def test_what_it_yields_is_the_state_of_requests(self) -> None:
        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[Mapping[str, object]]:
            yield {"word": "muniment"}

        app = create_demo_app(lifespan=lifespan)
        async with lifespan(app) as state:
            inner = httpx2.ASGITransport(app=_with_state(app, state))
            async with httpx2.AsyncClient(transport=inner, base_url="http://127.0.0.1") as client:
                response = await client.get("/api/v1/trouble/state")
        assert response.json() == {"word": "muniment"}


def _with_state(app: FastAPI, state: Mapping[str, object]) -> Any:  # noqa: ANN401 - an ASGI app
    async def serve(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        await app({**scope, "state": dict(state)}, receive, send)

    return serve
