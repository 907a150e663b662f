"""The issuers whose tokens are accepted, as the verifier sees them: settings joined with keys."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from muniment.identity.introspection import TokenIntrospection
from muniment.identity.keys import KeySource
from muniment.identity.settings import AttributeType, IssuerSettings
from muniment.kit.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Assertable:
    """What an issuer may say about a caller; everything else in its tokens is passed over."""

    roles: frozenset[str]
    groups_claim: str
    group_prefix: str
    attributes: Mapping[str, AttributeType]


@dataclass(frozen=True, slots=True)
class TenantRule:
    """How the tenant of a caller follows from a token of one issuer."""

    tenant: str | None = None
    """One tenant for all users of the issuer."""
    organisations: Mapping[str, str] | None = None
    """Organisation to tenant; None where the names of organisations are those of tenants."""
    service_accounts: Mapping[str, str] | None = None
    """Client (`azp`) to tenant."""


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """One issuer: its keys, what its tokens must be, and what they may say."""

    identifier: str
    audience: str
    clients: frozenset[str]
    algorithms: frozenset[str]
    leeway: timedelta
    max_token_lifetime: timedelta
    assertable: Assertable
    tenants: TenantRule
    keys: KeySource
    introspection: TokenIntrospection | None = None
    """Set where the issuer is asked about each of its tokens."""

    @classmethod
    def from_settings(
        cls,
        settings: IssuerSettings,
        declared: Mapping[str, AttributeType],
        keys: KeySource,
        introspection: TokenIntrospection | None = None,
    ) -> Self:
        """Join the settings of an issuer with the types of the attributes and a source of keys."""
        names = declared if settings.attributes is None else settings.attributes
        return cls(
            identifier=settings.issuer,
            audience=settings.audience,
            clients=frozenset(settings.clients),
            algorithms=frozenset(settings.algorithms),
            leeway=settings.leeway,
            max_token_lifetime=settings.max_token_lifetime,
            assertable=Assertable(
                roles=frozenset(settings.roles),
                groups_claim=settings.groups_claim,
                group_prefix=settings.group_prefix,
                attributes={name: declared[name] for name in names},
            ),
            tenants=TenantRule(
                tenant=settings.tenant,
                organisations=settings.tenants,
                service_accounts=settings.service_accounts,
            ),
            keys=keys,
            introspection=introspection,
        )


class TrustedIssuers:
    """All accepted issuers, found by the exact text of `iss`."""

    def __init__(self, issuers: Iterable[TrustedIssuer]) -> None:
        self._issuers: dict[str, TrustedIssuer] = {}
        for issuer in issuers:
            if issuer.identifier in self._issuers:
                raise ConfigurationError(f"The issuer {issuer.identifier} is there twice.")
            self._issuers[issuer.identifier] = issuer

    def sole_introspecting(self) -> TrustedIssuer | None:
        """Give the one issuer that is asked about tokens, for those that name no issuer.

        With several there is none: a token is never shown to an issuer that may not have made it.
        """
        asked = [issuer for issuer in self._issuers.values() if issuer.introspection is not None]
        return asked[0] if len(asked) == 1 else None

    def find(self, identifier: object) -> TrustedIssuer | None:
        """Give the issuer with exactly this identifier; anything but a text finds none."""
        return self._issuers.get(identifier) if isinstance(identifier, str) else None
