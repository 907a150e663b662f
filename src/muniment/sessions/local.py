"""Signing in on this machine without a provider: by a link that is good once.

Who can read what `muniment up` prints has access to this machine, which is the only proof that
local mode asks for. The session is like any other; only nobody has to be asked again.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pydantic import SecretStr

from muniment.identity.authentication import WayIn
from muniment.kit.clock import Clock
from muniment.sessions.errors import SignInLinkUsedError
from muniment.sessions.models import SignInLink
from muniment.sessions.opening import Browser, SessionOpener, SignedIn
from muniment.sessions.repository import LinkRepository
from muniment.sessions.tickets import hash_of, is_ticket, new_ticket
from muniment.sessions.vault import Vault

LINK_LASTS: Final = timedelta(minutes=10)

Mint = Callable[[str, Collection[str]], str]
"""Makes an access token of the built-in issuer for a user with some roles."""


@dataclass(frozen=True, slots=True)
class LocalUser:
    """Somebody of this machine."""

    name: str
    roles: tuple[str, ...]


class LocalSignIn:
    """Makes links and takes them back; one for the whole process, in local mode alone.

    Its transactions are short and its own (a named exception of docs/decisions/0002).
    """

    def __init__(
        self,
        vault: Vault,
        tokens: WayIn,
        mint: Mint,
        opener: SessionOpener,
        clock: Clock,
        landing: str,
    ) -> None:
        self.landing = landing
        self._vault = vault
        self._tokens = tokens
        self._mint = mint
        self._opener = opener
        self._clock = clock

    async def make_code(self, user: LocalUser) -> SecretStr:
        """Make the code of a link, which signs this user in once."""
        code = new_ticket()
        link = SignInLink(
            code_hash=hash_of(code),
            subject=user.name,
            roles=list(user.roles),
            expires_at=self._clock.now() + LINK_LASTS,
        )
        async with self._vault.transactions.begin(None) as session:
            await LinkRepository(session).add(link)
        return SecretStr(code)

    async def complete(self, code: str | None, browser: Browser) -> SecretStr:
        """Open a session by the code of a link, and give the value of its cookie.

        Raises SignInLinkUsedError. The user passes through the built-in issuer, like anybody.
        """
        if code is None or not is_ticket(code):
            raise SignInLinkUsedError
        async with self._vault.transactions.begin(None) as session:
            link = await LinkRepository(session).take(hash_of(code), self._clock.now())
        if link is None:
            raise SignInLinkUsedError
        caller = await self._tokens.authenticate(self._mint(link.subject, link.roles))
        return await self._opener.open(SignedIn(caller), browser)
