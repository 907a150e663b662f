"""Makes what signs browsers in: sessions for all, and a sign-in where a provider is set up."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.app.folder import make_data_folder
from muniment.app.issuers import ConfiguredIssuers
from muniment.app.settings import Settings
from muniment.identity.authentication import Authenticator, WayIn
from muniment.identity.browser import BrowserRules
from muniment.identity.grounds import RevocationCheck
from muniment.identity.local_issuer import ISSUER, LocalIssuer
from muniment.identity.settings import WebSignInSettings
from muniment.kit.clock import Clock
from muniment.kit.errors import ConfigurationError
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.unit_of_work import Transactions
from muniment.revocation.entries import Entry
from muniment.sessions.authentication import WebSessions
from muniment.sessions.authorization_server import AuthorizationServer
from muniment.sessions.cookies import Cookies
from muniment.sessions.id_tokens import IdTokenVerifier
from muniment.sessions.key_ring import KeyRing
from muniment.sessions.local import LocalSignIn, Mint
from muniment.sessions.opening import SessionOpener
from muniment.sessions.own import OwnSessions
from muniment.sessions.refreshing import Refresher
from muniment.sessions.repository import NamedSessions, end_named
from muniment.sessions.service import SignInService
from muniment.sessions.vault import Vault


@dataclass(frozen=True, slots=True)
class Parts:
    """What signing in with a browser is made of, and shares with other ways in."""

    reads: PreparedReads
    transactions: Transactions
    issuers: ConfiguredIssuers
    tokens: WayIn
    revocations: RevocationCheck
    local_issuer: LocalIssuer


@dataclass(frozen=True, slots=True)
class BrowserSignIn:
    """What lets browsers in; one for the whole process."""

    cookies: Cookies
    way_in: WebSessions
    own: OwnSessions
    service: SignInService | None
    """None where no provider is set up for browsers."""
    local: LocalSignIn | None
    """None outside of local mode."""
    refresher: Refresher | None

    def beside(self, tokens: WayIn, keys: WayIn) -> Authenticator:
        """Make the one that lets requests in, by tokens, by keys and by cookies."""
        return Authenticator(tokens, keys, self.way_in, self.cookies.rules)

    async def close(self) -> None:
        """Wait for what is under way at the issuer."""
        if self.refresher is not None:
            await self.refresher.close()


def cookies_of(settings: Settings) -> Cookies:
    """Make the cookies of a server from the address that people reach it by."""
    return Cookies(BrowserRules.of_address(settings.server.base_url))


async def make_browser_sign_in(settings: Settings, clock: Clock, parts: Parts) -> BrowserSignIn:
    """Make it from the settings; nothing is asked yet. Raises ConfigurationError."""
    identity, web = settings.identity, settings.identity.web
    vault = Vault(parts.reads, parts.transactions, await _load_ring(settings))
    opener = SessionOpener(vault, identity, clock)
    server, service, refresher = None, None, None
    if web is not None:
        server = _server(settings, web, parts)
        id_tokens = IdTokenVerifier(parts.issuers.trusted, web.issuer, web.client_id, clock)
        service = SignInService(server, parts.tokens, id_tokens, opener, vault, clock)
        refresher = Refresher(server, parts.tokens, id_tokens, vault, identity, clock)
    issuer = None if web is None else web.issuer
    local = None
    if settings.is_local_mode:
        issuer, mint = ISSUER, _minting(parts.local_issuer)
        landing = "/docs" if settings.server.docs else "/"
        local = LocalSignIn(vault, parts.tokens, mint, opener, clock, landing)
    return BrowserSignIn(
        cookies=cookies_of(settings),
        way_in=WebSessions(vault, issuer, identity, clock, parts.revocations, refresher),
        own=OwnSessions(vault, server, clock),
        local=local,
        service=service,
        refresher=refresher,
    )


async def end_named_sessions(session: AsyncSession, entry: Entry) -> None:
    """End the browser sessions that a logout token is about, in the same transaction."""
    is_one = entry.kind == "session"
    named = NamedSessions(
        issuer=entry.issuer,
        sid=entry.name if is_one else None,
        subject=None if is_one else entry.name,
        cutoff=entry.cutoff,
    )
    await end_named(session, named)


def _minting(issuer: LocalIssuer) -> Mint:
    def mint(user: str, roles: Collection[str]) -> str:
        return issuer.mint(user, roles=roles)

    return mint


def _server(settings: Settings, web: WebSignInSettings, parts: Parts) -> AuthorizationServer:
    base_url = settings.server.base_url
    if urlsplit(base_url).scheme == "http" and BrowserRules.of_address(base_url).is_secure:
        raise ConfigurationError(
            f"Browsers cannot sign in at {base_url}: the cookies of sessions are for https alone.",
            hint="Set server.public_url to the address with https:// that people use.",
        )
    if settings.server.port == 0 and settings.server.public_url is None:
        raise ConfigurationError(
            "Browsers cannot come back to a port that is picked at each start.",
            hint="Set server.port, or server.public_url.",
        )
    provider = parts.issuers.providers[web.issuer]
    return AuthorizationServer(provider, web, parts.issuers.client, base_url)


async def _load_ring(settings: Settings) -> KeyRing:
    if settings.identity.session_keys:
        return KeyRing.from_secrets(settings.identity.session_keys)
    await asyncio.to_thread(make_data_folder, settings.data_dir)
    return await asyncio.to_thread(KeyRing.load_or_create, settings.data_dir / "keys")
