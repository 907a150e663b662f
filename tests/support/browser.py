"""A browser that signs in: it keeps cookies as browsers do, and follows links one by one."""

from dataclasses import dataclass
from typing import Self

import httpx2
from starlette.types import ASGIApp

PUBLIC_URL = "https://muniment.example"
SESSION_COOKIE = "__Host-muniment"
PAGE = {"Sec-Fetch-Site": "same-origin", "X-Muniment": "1"}
"""What a page of the server itself sends with a change."""


@dataclass
class Browser:
    """One browser, on our server and on that of the provider."""

    ours: httpx2.AsyncClient
    theirs: httpx2.AsyncClient

    @classmethod
    def at(cls, app: ASGIApp, base_url: str = PUBLIC_URL) -> Self:
        transport = httpx2.ASGITransport(app)
        return cls(httpx2.AsyncClient(transport=transport, base_url=base_url), httpx2.AsyncClient())

    async def close(self) -> None:
        await self.ours.aclose()
        await self.theirs.aclose()

    @property
    def cookie(self) -> str | None:
        """The value of the session's cookie."""
        return self.ours.cookies.get(SESSION_COOKIE)

    def take_session_of(self, other: "Browser") -> None:
        """Come with the cookie of another one, as to another server behind the same name."""
        self.ours.cookies.set(
            SESSION_COOKIE, f"{other.cookie}", domain="muniment.example", path="/"
        )

    async def leave(self, wanted: str | None = None) -> httpx2.Response:
        """Ask to sign in."""
        params = {} if wanted is None else {"next": wanted}
        return await self.ours.get("/auth/login", params=params)

    async def way_back(self, wanted: str | None = None) -> str:
        """Sign in at the provider and give the address that it sends the browser back to."""
        departed = await self.leave(wanted)
        assert departed.status_code == 302, departed.text
        answered = await self.theirs.get(departed.headers["location"])
        return str(answered.headers["location"])

    async def sign_in(self, wanted: str | None = None) -> httpx2.Response:
        """Sign in, and give the last answer."""
        return await self.ours.get(await self.way_back(wanted))

    async def get(self, path: str) -> httpx2.Response:
        return await self.ours.get(path)
