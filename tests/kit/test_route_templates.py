import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from starlette.types import Receive, Scope, Send

from muniment.kit.route_templates import UNMATCHED, RouteTemplates

inner = APIRouter(prefix="/notes")
outer = APIRouter(prefix="/shelves/{shelf}")


@inner.get("/{note_id:path}")
async def read_note(shelf: str, note_id: str) -> str:
    return f"{shelf} {note_id}"


@inner.get("")
async def list_notes(shelf: str) -> str:
    return shelf


outer.include_router(inner)


async def templates_of(*paths: str, verb: str = "GET") -> list[str]:
    """Send requests through an application, and look up each when it was answered."""
    app = FastAPI()
    app.include_router(outer, prefix="/api")
    templates = RouteTemplates()
    found: list[str] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        found.append(templates.find(scope))

    transport = httpx2.ASGITransport(app=watched)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in paths:
            await client.request(verb, path)
    return found


class TestRouteTemplates:
    async def test_gives_the_whole_path_through_every_router(self) -> None:
        assert await templates_of("/api/shelves/7/notes", "/api/shelves/7/notes/a/b") == [
            "/api/shelves/{shelf}/notes",
            "/api/shelves/{shelf}/notes/{note_id}",
        ]

    @pytest.mark.parametrize("path", ["/", "/api", "/api/shelves/7", "/notes", "/x" * 500])
    async def test_everything_unknown_is_one_word(self, path: str) -> None:
        assert await templates_of(path) == [UNMATCHED]

    async def test_a_wrong_verb_still_names_its_route(self) -> None:
        assert await templates_of("/api/shelves/7/notes", verb="DELETE") == [
            "/api/shelves/{shelf}/notes"
        ]

    def test_a_request_that_reached_no_application_is_unmatched(self) -> None:
        templates = RouteTemplates()
        assert templates.find({"type": "http"}) == UNMATCHED
        assert templates.find({"type": "http", "endpoint": read_note}) == UNMATCHED
