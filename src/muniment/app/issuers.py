"""Makes the trusted issuers of a process from its settings, and keeps their keys fresh."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from muniment.identity.errors import ProviderUnavailableError
from muniment.identity.introspection import RemoteIntrospection
from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.provider import Provider, ProviderMetadata
from muniment.identity.remote_keys import RemoteKeySource
from muniment.identity.settings import AttributeType, IdentitySettings, IssuerSettings
from muniment.kit.clock import Clock
from muniment.kit.egress.operator import OperatorClient


@dataclass(frozen=True, slots=True)
class ConfiguredIssuers:
    """The issuers of the settings: how they are asked, and as the verifier sees them."""

    client: OperatorClient
    """The way to the origins of the issuers, and to no others."""
    providers: Mapping[str, Provider]
    """By the exact text of `iss`."""
    keys: tuple[RemoteKeySource, ...]
    trusted: TrustedIssuers

    async def keep_keys_fresh(self) -> None:
        """Fetch all keys now, and again and again; ends when cancelled."""
        async with asyncio.TaskGroup() as group:
            for source in self.keys:
                group.create_task(source.keep_fresh())


def configured_issuers(settings: IdentitySettings, clock: Clock) -> ConfiguredIssuers:
    """Make what the settings name; nothing is asked yet."""
    origins = {origin for issuer in settings.issuers for origin in issuer.all_origins}
    client = OperatorClient(origins)
    providers = {issuer.issuer: Provider(issuer, client, clock) for issuer in settings.issuers}
    keys = {
        issuer.issuer: _key_source(issuer, providers[issuer.issuer], client, clock)
        for issuer in settings.issuers
    }
    trusted = [
        _trusted(issuer, settings.attributes, keys[issuer.issuer], providers[issuer.issuer], client)
        for issuer in settings.issuers
    ]
    return ConfiguredIssuers(client, providers, tuple(keys.values()), TrustedIssuers(trusted))


def _key_source(
    settings: IssuerSettings, provider: Provider, client: OperatorClient, clock: Clock
) -> RemoteKeySource:
    async def find_uri() -> str:
        return settings.jwks_uri or (await provider.metadata()).jwks_uri

    return RemoteKeySource(settings.issuer, find_uri, client, clock)


def _trusted(
    settings: IssuerSettings,
    declared: Mapping[str, AttributeType],
    keys: RemoteKeySource,
    provider: Provider,
    client: OperatorClient,
) -> TrustedIssuer:
    introspection = None
    if settings.introspection is not None:
        find = endpoint_of(provider, lambda metadata: metadata.introspection_endpoint)
        introspection = RemoteIntrospection(settings.issuer, settings.introspection, find, client)
    return TrustedIssuer.from_settings(settings, declared, keys, introspection)


def endpoint_of(
    provider: Provider, choose: Callable[[ProviderMetadata], str | None]
) -> Callable[[], Awaitable[str]]:
    """Make a function that gives one endpoint of a provider, as it describes itself then."""

    async def find() -> str:
        endpoint = choose(await provider.metadata())
        if endpoint is None:
            raise ProviderUnavailableError
        return endpoint

    return find
