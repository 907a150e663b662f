"""Signing in at the issuer: this browser goes there with a question, and brings the answer."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from pydantic import SecretStr

from muniment.identity.authentication import Caller, WayIn
from muniment.identity.errors import InvalidTokenError
from muniment.kit.clock import Clock
from muniment.kit.errors import MunimentError
from muniment.sessions.authorization_server import AuthorizationServer, GrantedTokens, Question
from muniment.sessions.destinations import safe_destination
from muniment.sessions.errors import (
    GrantRefusedError,
    SignInBrokenError,
    SignInDeniedError,
)
from muniment.sessions.id_tokens import IdTokenVerifier
from muniment.sessions.key_ring import SealBrokenError
from muniment.sessions.models import SignInAttempt
from muniment.sessions.opening import Browser, SessionOpener, SignedIn
from muniment.sessions.repository import AttemptRepository
from muniment.sessions.tickets import hash_of, is_ticket, new_ticket
from muniment.sessions.vault import VERIFIER, Vault

ATTEMPT_LASTS: Final = timedelta(minutes=10)
_KNOWN_REASONS: Final = frozenset(
    {"access_denied", "login_required", "consent_required", "interaction_required"}
    | {"invalid_request", "invalid_scope", "unauthorized_client", "server_error"}
    | {"temporarily_unavailable", "unsupported_response_type"}
)
"""The reasons of RFC 6749 (4.1.2.1) and OpenID Connect; only they are repeated in the log."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes to sign in, and the cookie that it has to bring back."""

    address: str
    attempt: str
    """Names the cookie, so that sign-ins of several tabs do not disturb each other."""
    cookie: SecretStr


@dataclass(frozen=True, slots=True)
class Answer:
    """What the browser brings back from the issuer, all of it hearsay."""

    state: str
    code: str | None = None
    issuer: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """The cookie of the new session, and where to go on."""

    cookie: SecretStr
    destination: str


def attempt_of(state: str) -> str:
    """Give the name of a sign-in under way, which tells nothing of its state."""
    return hash_of(state).hex()[:16]


class SignInService:
    """Signs users of one issuer in; one for the whole process.

    Its transactions are short and its own (a named exception of docs/decisions/0002): between them
    it asks the issuer.
    """

    def __init__(
        self,
        server: AuthorizationServer,
        tokens: WayIn,
        id_tokens: IdTokenVerifier,
        opener: SessionOpener,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._server = server
        self._tokens = tokens
        self._id_tokens = id_tokens
        self._opener = opener
        self._vault = vault
        self._clock = clock

    async def begin(self, wanted: str | None) -> Departure:
        """Send somebody to the issuer. Raises ProviderUnavailableError."""
        question = Question(state=new_ticket(), nonce=new_ticket(), verifier=new_ticket())
        address = await self._server.address_of(question)
        cookie, name = new_ticket(), attempt_of(question.state)
        attempt = SignInAttempt(
            state_hash=hash_of(question.state),
            browser_hash=hash_of(cookie),
            nonce_hash=hash_of(question.nonce),
            verifier_sealed=self._vault.ring.seal(question.verifier, f"{name}.{VERIFIER}"),
            next=safe_destination(wanted),
            expires_at=self._clock.now() + ATTEMPT_LASTS,
        )
        async with self._vault.transactions.begin(None) as session:
            await AttemptRepository(session).add(attempt)
        return Departure(address, name, SecretStr(cookie))

    async def complete(self, answer: Answer, cookie: str | None, browser: Browser) -> Arrival:
        """Open a session for who comes back.

        Raises SignInBrokenError, SignInDeniedError, TenantRequiredError or
        ProviderUnavailableError. What the issuer gave is given back to it then.
        """
        attempt = await self._take(answer.state, cookie)
        await self._check_issuer(answer.issuer)
        if answer.error is not None:
            reason = answer.error if answer.error in _KNOWN_REASONS else "other"
            _log.warning("sign_in_denied", reason=reason)
            raise SignInDeniedError(reason)
        if answer.code is None:
            raise _refused("no_code")
        granted = await self._exchange(answer.code, answer.state, attempt)
        try:
            signed_in = await self._verify(granted, attempt.nonce_hash)
            ticket = await self._opener.open(signed_in, browser)
        except MunimentError:
            await self._server.revoke(granted.refresh_token or granted.access_token)
            raise
        return Arrival(ticket, attempt.next)

    async def _take(self, state: str, cookie: str | None) -> SignInAttempt:
        if cookie is None or not is_ticket(cookie) or not is_ticket(state):
            raise _refused("not_begun_here")
        async with self._vault.transactions.begin(None) as session:
            attempt = await AttemptRepository(session).take(
                hash_of(state), hash_of(cookie), self._clock.now()
            )
        if attempt is None:
            raise _refused("not_begun_here")
        return attempt

    async def _check_issuer(self, told: str | None) -> None:
        """Refuse an answer of another issuer (RFC 9207), even one that says no."""
        if told is None and await self._server.names_itself():
            raise _refused("no_issuer")
        if told is not None and told != self._server.issuer:
            raise _refused("other_issuer")

    async def _exchange(self, code: str, state: str, attempt: SignInAttempt) -> GrantedTokens:
        try:
            sealed = attempt.verifier_sealed
            verifier = self._vault.open(sealed, attempt_of(state), VERIFIER)
            return await self._server.exchange(code, verifier)
        except SealBrokenError:
            raise _refused("sealed_by_another_key") from None
        except GrantRefusedError:
            raise _refused("code_refused") from None

    async def _verify(self, granted: GrantedTokens, nonce_hash: bytes) -> SignedIn:
        """Believe what the issuer gave: two tokens about the same user, for this client."""
        if granted.id_token is None:
            raise _refused("no_id_token")
        identity = await self._id_tokens.verify(granted.id_token.get_secret_value(), nonce_hash)
        caller = await self._caller_of(granted)
        if identity.subject != caller.principal.subject:
            raise _refused("other_subject")
        return SignedIn(
            caller=caller,
            session_id=caller.grounds.session_id or identity.session_id,
            asks_again_at=caller.grounds.expires_at,
            refresh_token=granted.refresh_token,
            id_token=granted.id_token,
        )

    async def _caller_of(self, granted: GrantedTokens) -> Caller:
        """Let the access token in like anybody's, which makes the account at the first time."""
        try:
            caller = await self._tokens.authenticate(granted.access_token.get_secret_value())
        except InvalidTokenError as refusal:
            raise _refused(f"access_token_{refusal.reason}") from None
        principal = caller.principal
        if (principal.issuer, principal.client) != (self._server.issuer, self._server.client_id):
            raise _refused("other_client")
        return caller


def _refused(reason: str) -> SignInBrokenError:
    _log.warning("sign_in_refused", reason=reason)
    return SignInBrokenError(reason)
