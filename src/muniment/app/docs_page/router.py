"""The API reference at `/docs`: three files of ours, so that it works without the internet.

The page reads `/openapi.json` in the browser. It loads nothing from elsewhere and has no inline
script, so it runs under a strict content security policy.
"""

from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    media_type: str
    etag: str

    @classmethod
    def load(cls, name: str, media_type: str) -> "_Asset":
        content = files(__package__).joinpath(name).read_bytes()
        return cls(content, media_type, f'"{sha256(content).hexdigest()[:16]}"')

    def respond(self, request: Request) -> Response:
        headers = {
            "ETag": self.etag,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": _POLICY,
        }
        if request.headers.get("if-none-match") == self.etag:
            return Response(status_code=304, headers=headers)
        return Response(self.content, media_type=self.media_type, headers=headers)


def create_docs_router() -> APIRouter:
    """Make the routes of the reference page."""
    router = APIRouter(include_in_schema=False)
    page = _Asset.load("page.html", "text/html; charset=utf-8")
    style = _Asset.load("page.css", "text/css; charset=utf-8")
    script = _Asset.load("page.js", "text/javascript; charset=utf-8")

    @router.get("/docs")
    async def read_docs_page(request: Request) -> Response:
        """Give the page."""
        return page.respond(request)

    @router.get("/docs/page.css")
    async def read_docs_style(request: Request) -> Response:
        """Give its style."""
        return style.respond(request)

    @router.get("/docs/page.js")
    async def read_docs_script(request: Request) -> Response:
        """Give its script."""
        return script.respond(request)

    return router
