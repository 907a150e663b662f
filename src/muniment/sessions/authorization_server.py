"""The issuer as the one that signs users in: OpenID Connect Core 1.0, section 3.1, with PKCE.

A confidential client: the code is useless without the secret, and the tokens never see a browser.
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal
from urllib.parse import urlencode

import structlog
from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError, field_validator

from muniment.identity.client_secret import basic_authorization
from muniment.identity.errors import ProviderUnavailableError
from muniment.identity.provider import Provider
from muniment.identity.settings import WebSignInSettings
from muniment.kit.egress.errors import EgressError
from muniment.kit.egress.operator import OperatorAnswer, OperatorClient, OperatorRequest
from muniment.sessions.errors import GrantLostError, GrantRefusedError

CALLBACK: Final = "/auth/callback"
_MAX_BYTES: Final = 256 * 1024
_OK: Final = 200
_BAD_REQUEST: Final = 400
_log = structlog.get_logger(__name__)

Hint = Literal["refresh_token", "access_token"]


class GrantedTokens(BaseModel):
    """What the token endpoint gave (RFC 6749, 5.1)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    access_token: SecretStr
    token_type: str
    refresh_token: SecretStr | None = None
    id_token: SecretStr | None = None

    @field_validator("token_type")
    @classmethod
    def _is_bearer(cls, value: str) -> str:
        if value.lower() != "bearer":
            raise ValueError("tokens of another type need more than to be sent")
        return value


class _Refusal(BaseModel):
    """Why the token endpoint gave nothing (RFC 6749, 5.2)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    error: str


_GRANTED: Final = TypeAdapter(GrantedTokens)
_REFUSAL: Final = TypeAdapter(_Refusal)


@dataclass(frozen=True, slots=True)
class Question:
    """What the browser takes to the issuer; it comes back with `state`, once."""

    state: str
    nonce: str
    verifier: str

    @property
    def challenge(self) -> str:
        """Give the hash of the verifier (RFC 7636, 4.2), which the browser may see."""
        return urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


class AuthorizationServer:
    """The endpoints of the issuer that users sign in at; one for the whole process."""

    def __init__(
        self,
        provider: Provider,
        settings: WebSignInSettings,
        client: OperatorClient,
        base_url: str,
    ) -> None:
        self.issuer = settings.issuer
        self.client_id = settings.client_id
        self._provider = provider
        self._settings = settings
        self._client = client
        # From the settings alone: what a request says about our address may be anybody's.
        self._redirect_uri = base_url + CALLBACK
        self._home = base_url + "/"

    async def address_of(self, question: Question) -> str:
        """Give the address to send the browser to. Raises ProviderUnavailableError."""
        endpoint = (await self._provider.metadata()).authorization_endpoint
        if endpoint is None:
            raise self._unavailable("no_authorization_endpoint")
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(self._settings.scopes),
            "state": question.state,
            "nonce": question.nonce,
            "code_challenge": question.challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}?{urlencode(query)}"

    async def names_itself(self) -> bool:
        """Tell whether each of its answers carries `iss` (RFC 9207)."""
        return (await self._provider.metadata()).names_itself

    async def exchange(self, code: str, verifier: str) -> GrantedTokens:
        """Give a code for tokens, once. Raises GrantRefusedError or ProviderUnavailableError."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        try:
            return await self._grant(form)
        except GrantLostError:
            raise ProviderUnavailableError from None

    async def refresh(self, refresh_token: str) -> GrantedTokens:
        """Give a refresh token for new tokens, once. Raises GrantRefusedError or GrantLostError."""
        return await self._grant({"grant_type": "refresh_token", "refresh_token": refresh_token})

    async def revoke(self, token: SecretStr, hint: Hint = "refresh_token") -> None:
        """Take a token back at the issuer (RFC 7009), if it hears it. Never raises for its sake."""
        try:
            endpoint = (await self._provider.metadata()).revocation_endpoint
            if endpoint is None:
                return
            form = {"token": token.get_secret_value(), "token_type_hint": hint}
            answer = await self._ask(endpoint, form)
        except (ProviderUnavailableError, GrantLostError):
            _log.warning("token_not_revoked", issuer=self.issuer)
            return
        if answer.status != _OK:
            _log.warning("token_not_revoked", issuer=self.issuer, status=answer.status)

    async def logout_address(self, id_token: SecretStr | None) -> str | None:
        """Give where the browser ends its session at the issuer (RP-Initiated Logout 1.0)."""
        try:
            endpoint = (await self._provider.metadata()).end_session_endpoint
        except ProviderUnavailableError:
            return None
        if endpoint is None:
            return None
        query = {"client_id": self.client_id, "post_logout_redirect_uri": self._home}
        if id_token is not None:
            query["id_token_hint"] = id_token.get_secret_value()
        return f"{endpoint}?{urlencode(query)}"

    async def _grant(self, form: dict[str, str]) -> GrantedTokens:
        try:
            endpoint = (await self._provider.metadata()).token_endpoint
        except ProviderUnavailableError:
            raise GrantLostError from None
        if endpoint is None:
            raise self._lost("no_token_endpoint")
        answer = await self._ask(endpoint, form)
        if answer.status == _BAD_REQUEST:
            raise self._refused(answer)
        if answer.status != _OK:
            # 401 is about our own secret: an operator's mistake, and never the user's.
            raise self._lost(f"status_{answer.status}")
        try:
            return _GRANTED.validate_json(answer.body)
        except ValidationError:
            raise self._lost("not_as_it_must_be") from None

    async def _ask(self, endpoint: str, form: dict[str, str]) -> OperatorAnswer:
        secret = basic_authorization(self.client_id, self._settings.client_secret)
        request = OperatorRequest(endpoint, form, {"Authorization": secret})
        try:
            return await self._client.ask(request, max_bytes=_MAX_BYTES)
        except EgressError as error:
            raise self._lost(error.code) from None

    def _refused(self, answer: OperatorAnswer) -> GrantRefusedError | GrantLostError:
        try:
            error = _REFUSAL.validate_json(answer.body).error
        except ValidationError:
            return self._lost("not_as_it_must_be")
        if error != "invalid_grant":
            # About how we ask, so asking again after a change of the settings may work.
            return self._lost("request_refused")
        return GrantRefusedError(error)

    def _lost(self, reason: str) -> GrantLostError:
        _log.warning("tokens_not_granted", issuer=self.issuer, reason=reason)
        return GrantLostError(reason)

    def _unavailable(self, reason: str) -> ProviderUnavailableError:
        _log.warning("provider_unavailable", issuer=self.issuer, reason=reason)
        return ProviderUnavailableError()
