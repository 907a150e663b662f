"""An identity provider on 127.0.0.1 that signs users in as Keycloak does, measured faults included.

Codes and refresh tokens are good once. Showing one again ends the user's session there.
"""

import asyncio
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_urlsafe
from urllib.parse import unquote_plus, urlencode

from aiohttp import web

from muniment.identity.provider import WELL_KNOWN
from muniment.kit.clock import SystemClock
from tests.support.fake_idp import ABSENT, CLIENT, FakeIdp

REALM = "/realms/muniment"
SECRET = "s3cr&t of: the client"


@dataclass
class SignedInThere:
    """A single sign-on session, with what it asserts from the next token on."""

    sid: str
    subject: str
    nonce: str = ""
    claims: dict[str, object] = field(default_factory=dict)
    refresh_token: str = ""
    spent: set[str] = field(default_factory=set)
    is_alive: bool = True


@dataclass
class FakeProvider:
    """Answers on a port of its own; what a test changes holds from the next request on."""

    idp: FakeIdp = field(default_factory=lambda: FakeIdp(SystemClock()))
    port: int = 0
    subject: str = "alice"
    claims: dict[str, object] = field(default_factory=dict)
    """Changes to the claims of both tokens of who signs in next."""
    id_claims: dict[str, object] = field(default_factory=dict)
    """Changes to the identity token alone."""
    names_itself: bool = True
    redirect_changes: dict[str, object] = field(default_factory=dict)
    token_changes: dict[str, object] = field(default_factory=dict)
    """Changes to the answers of the token endpoint."""
    status: int | None = None
    """Instead of an answer of the token endpoint."""
    delay_s: float = 0.0
    sessions: dict[str, SignedInThere] = field(default_factory=dict)
    codes: dict[str, tuple[SignedInThere, dict[str, str]]] = field(default_factory=dict)
    calls: list[dict[str, str]] = field(default_factory=list)
    """The forms that the token endpoint got."""
    ends_sessions: bool = True
    """Whether it has an address where browsers end their session with it."""
    revoked: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    """Every secret that was ever handed out."""

    def forget(self) -> None:
        """Be as at the beginning, with the same keys at the same address; users have new names."""
        fresh = FakeProvider(self.idp, self.port, subject=f"alice-{token_urlsafe(4)}")
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(fresh, name))

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}{REALM}"

    @property
    def refreshes(self) -> int:
        return sum(call["grant_type"] == "refresh_token" for call in self.calls)

    def session_of(self, refresh_token: str) -> SignedInThere | None:
        for session in self.sessions.values():
            if refresh_token == session.refresh_token or refresh_token in session.spent:
                return session
        return None

    async def describe(self, _request: web.Request) -> web.Response:
        ends = {"end_session_endpoint": f"{self.issuer}/logout"} if self.ends_sessions else {}
        return web.json_response(
            {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/certs",
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "revocation_endpoint": f"{self.issuer}/revoke",
                **ends,
                "authorization_response_iss_parameter_supported": self.names_itself,
            }
        )

    async def certs(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": self.idp.jwks()})

    async def authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        session = SignedInThere(token_urlsafe(8), self.subject, asked["nonce"], dict(self.claims))
        self.sessions[session.sid] = session
        code = token_urlsafe(16)
        self.codes[code] = (session, asked)
        self.given.append(code)
        told: dict[str, object] = {"state": asked["state"], "code": code, "session_state": "s"}
        if self.names_itself:
            told["iss"] = self.issuer
        told.update(self.redirect_changes)
        query = urlencode({name: value for name, value in told.items() if value is not ABSENT})
        raise web.HTTPFound(f"{asked['redirect_uri']}?{query}")

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.calls.append(form)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.status is not None:
            return web.json_response({"error": "server_error"}, status=self.status)
        if _client_of(request) != (CLIENT, SECRET):
            return web.json_response({"error": "invalid_client"}, status=401)
        is_code = form["grant_type"] == "authorization_code"
        session = self._by_code(form) if is_code else self._by_refresh_token(form)
        if session is None or not session.is_alive:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(self._granted(session, with_nonce=is_code))

    async def revoke(self, request: web.Request) -> web.Response:
        token = str((await request.post())["token"])
        self.revoked.append(token)
        session = self.session_of(token)
        if session is not None:
            session.is_alive = False
        return web.Response()

    def _by_code(self, form: dict[str, str]) -> SignedInThere | None:
        session, asked = self.codes.pop(form["code"], (None, {}))
        challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest())
        fits = asked.get("code_challenge") == challenge.rstrip(b"=").decode()
        return session if fits and asked["redirect_uri"] == form["redirect_uri"] else None

    def _by_refresh_token(self, form: dict[str, str]) -> SignedInThere | None:
        session = self.session_of(form["refresh_token"])
        if session is not None and form["refresh_token"] in session.spent:
            session.is_alive = False
        return session

    def _granted(self, session: SignedInThere, *, with_nonce: bool) -> dict[str, object]:
        session.spent.add(session.refresh_token)
        session.refresh_token = token_urlsafe(32)
        base = {"iss": self.issuer, "sub": session.subject, "sid": session.sid}
        id_claims = {**base, "typ": "ID", "aud": CLIENT, "nonce": session.nonce, **self.id_claims}
        if not with_nonce:
            id_claims["nonce"] = ABSENT
        granted: dict[str, object] = {
            "access_token": self.idp.token({**base, **session.claims}),
            "token_type": "Bearer",
            "refresh_token": session.refresh_token,
            "id_token": self.idp.token({**session.claims, **id_claims}),
            **self.token_changes,
        }
        granted = {name: value for name, value in granted.items() if value is not ABSENT}
        self.given += [str(value) for name, value in granted.items() if name != "token_type"]
        return granted


def _client_of(request: web.Request) -> tuple[str, str]:
    pair = b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
    client, _, secret = pair.partition(":")
    return unquote_plus(client), unquote_plus(secret)


@asynccontextmanager
async def fake_provider() -> AsyncIterator[FakeProvider]:
    """Serve on a free port while the block runs."""
    provider = FakeProvider()
    app = web.Application()
    app.router.add_get(REALM + WELL_KNOWN, provider.describe)
    app.router.add_get(REALM + "/certs", provider.certs)
    app.router.add_get(REALM + "/authorize", provider.authorize)
    app.router.add_post(REALM + "/token", provider.token)
    app.router.add_post(REALM + "/revoke", provider.revoke)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        provider.port = runner.addresses[0][1]
        yield provider
    finally:
        await runner.cleanup()
