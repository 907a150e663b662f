"""Settings of identity: which issuers are trusted, and how far."""

from base64 import b64decode
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from muniment.identity.keys import Algorithm
from muniment.identity.names import GroupPrefix, RoleName, valid_issuer
from muniment.identity.permissions import DEFAULT_ROLES, Permission
from muniment.kit.durations import Duration

AttributeType = Literal["str", "int"]
"""The types that an attribute of a caller may have."""

RESERVED_CLAIMS: Final = frozenset(
    [
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "azp", "sid", "typ", "acr", "amr"),
        *("scope", "cnf", "act", "nonce", "events", "at_hash", "auth_time", "client_id"),
        *("realm_access", "resource_access", "groups", "organization"),
        *("name", "email", "locale"),
    ]
)
"""Claims with a meaning of their own; an attribute of such a name would be two things at once."""


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write the whole address, starting with https://")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("write the address without user, query or fragment")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("use https; plain http is accepted on this machine's loopback only")
    return value


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


WebAddress = Annotated[str, AfterValidator(_web_address)]
IssuerAddress = Annotated[WebAddress, AfterValidator(valid_issuer)]
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=255)]
ScopeName = Annotated[str, StringConstraints(pattern=r"^[!#-\[\]-~]{1,128}$")]
ClaimName = Annotated[str, StringConstraints(min_length=1, max_length=128)]
AttributeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,62}$")]
TenantName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]

LONGEST_KEY_LIFE: Final = timedelta(days=365)
KeyLifetime = Annotated[Duration, Field(ge=timedelta(minutes=1), le=LONGEST_KEY_LIFE)]


SESSION_KEY_BYTES: Final = 32
"""AES-256."""


def read_session_key(secret: SecretStr) -> bytes:
    """Read a key of the settings; raise ValueError, without the key in it."""
    try:
        key = b64decode(secret.get_secret_value(), validate=True)
    except ValueError:
        key = b""
    if len(key) != SESSION_KEY_BYTES:
        raise ValueError(
            "a session key is 32 random bytes in base64, as `openssl rand -base64 32` prints them"
        )
    return key


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class IntrospectionSettings(_Settings):
    """How the issuer is asked about its tokens (RFC 7662)."""

    client_id: ClientId = Field(
        description="Who asks. A client learns only of tokens with its own audience."
    )
    client_secret: SecretStr = Field(description="The secret of that client.")
    endpoint: WebAddress | None = Field(
        default=None, description="Where to ask; found by discovery if not set."
    )
    cache: Annotated[Duration, Field(le=timedelta(minutes=1))] = Field(
        default=timedelta(seconds=10),
        description="How long an answer is believed; 0 asks at every request.",
    )


class IssuerSettings(_Settings):
    """One issuer of access tokens and how far it is trusted."""

    issuer: IssuerAddress = Field(
        description="The exact text of `iss` in its tokens; https, or http on loopback."
    )
    audience: str = Field(
        min_length=1,
        description="What `aud` must contain, and whose roles in `resource_access` count.",
    )
    clients: tuple[ClientId, ...] = Field(
        min_length=1,
        description="The clients (`azp`) whose tokens are accepted. Required: a client with full "
        "scope gets this audience and these roles too, and only `azp` tells it apart.",
    )
    tenant: TenantName | None = Field(
        default=None, description="The one tenant of all users of this issuer."
    )
    tenants: dict[str, TenantName] = Field(
        default_factory=dict, description="Organisation (claim `organization`) to tenant."
    )
    service_accounts: dict[ClientId, TenantName] = Field(
        default_factory=dict, description="Client (`azp`) of a service account to tenant."
    )
    jwks_uri: WebAddress | None = Field(
        default=None, description="Where the issuer's keys are; found by discovery if not set."
    )
    origins: tuple[WebAddress, ...] = Field(
        default=(),
        description="Further origins (scheme, host and port) where endpoints of this issuer may be;"
        " its own origin and that of `jwks_uri` need not be named. No other is asked.",
    )
    introspection: IntrospectionSettings | None = Field(
        default=None,
        description="Ask the issuer about each token (RFC 7662) instead of checking signatures.",
    )
    groups_claim: ClaimName = Field(
        default="groups", description="The claim with the full paths of the caller's groups."
    )
    roles: tuple[RoleName, ...] = Field(
        default=tuple(DEFAULT_ROLES), description="The roles that this issuer may assert."
    )
    attributes: tuple[AttributeName, ...] | None = Field(
        default=None,
        description="The attributes that this issuer may assert; all declared ones if not set.",
    )
    group_prefix: GroupPrefix = Field(
        default="/", description="Groups count at or below this path; `/` is all of them."
    )
    algorithms: tuple[Algorithm, ...] = Field(
        default=("RS256", "PS256", "ES256", "EdDSA"),
        min_length=1,
        description="The signature algorithms that are accepted.",
    )
    leeway: Annotated[Duration, Field(le=timedelta(minutes=5))] = Field(
        default=timedelta(seconds=30),
        description="How far the issuer's clock may be ahead of ours. It never prolongs a token.",
    )
    max_token_lifetime: Duration = Field(
        default=timedelta(hours=24),
        description="A token that was issued for longer than this is refused.",
    )

    @property
    def all_origins(self) -> frozenset[str]:
        """Give every address whose origin may be asked about this issuer."""
        named = [self.jwks_uri, self.introspection and self.introspection.endpoint]
        return frozenset({self.issuer, *self.origins, *(url for url in named if url)})

    @model_validator(mode="after")
    def _one_way_to_a_tenant(self) -> Self:
        if self.tenant is not None and self.tenants:
            raise ValueError(
                f"issuer {self.issuer}: set `tenant` (one for all users) or `tenants` "
                "(by organisation), not both"
            )
        if self.tenant is None and not self.tenants and not self.service_accounts:
            raise ValueError(
                f"issuer {self.issuer}: say which tenant its users belong to, with `tenant` "
                "(one for all) or `tenants` (by organisation)"
            )
        strangers = sorted(self.service_accounts.keys() - set(self.clients))
        if strangers:
            raise ValueError(
                f"issuer {self.issuer}: add {', '.join(strangers)} to `clients`, or remove it "
                "from `service_accounts`: tokens of other clients are refused"
            )
        return self


class WebSignInSettings(_Settings):
    """Sign-in with a browser."""

    issuer: IssuerAddress = Field(description="The issuer that users sign in at.")
    client_id: ClientId = Field(description="The confidential client of this server.")
    client_secret: SecretStr = Field(description="The secret of that client.")
    scopes: tuple[ScopeName, ...] = Field(
        default=("openid",),
        description="What is asked for; with `organization` beside `openid`, Keycloak says which "
        "organisation a user belongs to.",
    )

    @field_validator("scopes")
    @classmethod
    def _signs_in(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:
            raise ValueError("name openid among the scopes: without it nobody is signed in")
        return value


class ApiKeySettings(_Settings):
    """How long API keys live, and how many there may be."""

    default_lifetime: KeyLifetime = Field(
        default=timedelta(days=90),
        description="How long an API key is good if its maker does not say.",
    )
    max_lifetime: KeyLifetime = Field(
        default=LONGEST_KEY_LIFE,
        description="The longest that an API key may be good; at most 365 days.",
    )
    max_per_user: int = Field(
        default=50,
        ge=0,
        le=1000,
        description="How many good API keys a user may have at once; 0 lets nobody make any.",
    )

    @model_validator(mode="after")
    def _default_is_allowed(self) -> Self:
        if self.default_lifetime > self.max_lifetime:
            raise ValueError("[identity.api_keys] default_lifetime is longer than max_lifetime")
        return self


class DirectorySettings(_Settings):
    """Whom users find when they look for somebody to share with."""

    people: Literal["tenant", "groups", "nobody"] = Field(
        default="tenant",
        description="The colleagues that a user finds: all of the tenant, those who share a group "
        "with the user, or nobody.",
    )
    groups: Literal["tenant", "own", "nobody"] = Field(
        default="own",
        description="The groups that a user finds: all that tokens of the tenant lately named, "
        "those that the user is in, with the groups above them, or none (`nobody`).",
    )


class IdentitySettings(_Settings):
    """Who may sign in and what roles allow; no issuer means local mode."""

    issuers: tuple[IssuerSettings, ...] = Field(
        default=(),
        description="The issuers whose tokens are accepted; none is local mode. This version "
        "refuses all but none.",
    )
    attributes: dict[AttributeName, AttributeType] = Field(
        default={"department": "str", "clearance": "int"},
        description="The attributes that access rules may use, each with its type.",
    )
    roles: dict[RoleName, frozenset[Permission]] = Field(
        default=dict(DEFAULT_ROLES),
        validate_default=True,
        description="Role to permissions. A role that is named here replaces the built-in one of "
        "that name; the other built-in roles stay.",
    )
    rights_max_age: Duration = Field(
        default=timedelta(hours=24),
        description="How old the last verified rights of an owner may be for work without a token, "
        "such as fetching a source again, or by an API key. Those of the built-in issuer do not "
        "grow old.",
    )
    api_keys: ApiKeySettings = Field(default=ApiKeySettings(), description="API keys of users.")
    directory: DirectorySettings = Field(
        default=DirectorySettings(), description="Whom users find to share with."
    )
    session_keys: tuple[SecretStr, ...] = Field(
        default=(),
        description="Keys that seal the tokens of browser sessions in the database, newest first: "
        "each 32 random bytes in base64. The first seals, all open. Not set: one in the data "
        "folder, which is enough for one machine.",
    )
    session_idle: Annotated[Duration, Field(ge=timedelta(minutes=5))] = Field(
        default=timedelta(hours=8),
        description="A browser session ends when it was not used for this long.",
    )
    session_lifetime: Annotated[Duration, Field(ge=timedelta(minutes=5))] = Field(
        default=timedelta(days=7),
        description="A browser session ends this long after signing in, however much it is used.",
    )
    refresh_grace: Duration = Field(
        default=timedelta(minutes=5),
        description="How long a browser session lives on while its issuer does not answer.",
    )
    token_cache_size: int = Field(
        default=10_000,
        ge=0,
        le=1_000_000,
        description="How many verified tokens are remembered; 0 remembers none.",
    )
    web: WebSignInSettings | None = Field(
        default=None,
        description="Sign-in with a browser at one of the issuers; not set, callers send a token.",
    )

    @field_validator("attributes")
    @classmethod
    def _attributes_are_no_claims(cls, value: dict[str, AttributeType]) -> dict[str, AttributeType]:
        taken = sorted(value.keys() & RESERVED_CLAIMS)
        if taken:
            raise ValueError(f"choose other names than {', '.join(taken)}: tokens use them already")
        return value

    @field_validator("session_keys")
    @classmethod
    def _session_keys_are_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        keys = [read_session_key(secret) for secret in value]
        if len(set(keys)) < len(keys):
            raise ValueError("a session key is there twice")
        return value

    @field_validator("roles")
    @classmethod
    def _built_in_roles_stay(
        cls, value: Mapping[str, frozenset[Permission]]
    ) -> dict[str, frozenset[Permission]]:
        return {**DEFAULT_ROLES, **value}

    @model_validator(mode="after")
    def _issuers_fit(self) -> Self:
        counts = Counter(issuer.issuer for issuer in self.issuers)
        repeated = [name for name, count in counts.items() if count > 1]
        if repeated:
            raise ValueError(f"issuer {repeated[0]} is there twice: merge the two entries")
        for issuer in self.issuers:
            unknown = sorted(set(issuer.attributes or ()) - self.attributes.keys())
            if unknown:
                raise ValueError(
                    f"issuer {issuer.issuer}: declare {', '.join(unknown)} with its type under "
                    "[identity.attributes] first"
                )
        return self

    @model_validator(mode="after")
    def _web_client_is_accepted(self) -> Self:
        if self.web is not None and not any(
            issuer.issuer == self.web.issuer and self.web.client_id in issuer.clients
            for issuer in self.issuers
        ):
            raise ValueError(
                "[identity.web] names an issuer and a client that no entry of [[identity.issuers]] "
                "accepts: add the client there"
            )
        return self
