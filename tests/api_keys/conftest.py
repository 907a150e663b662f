"""Somebody of a provider with kept rights, and the way in for their keys."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from muniment.api_keys.schemas import ApiKeyCreate
from muniment.api_keys.service import ApiKeyService, NewKey
from muniment.api_keys.uses import KeyUses
from muniment.api_keys.way_in import ApiKeys
from muniment.identity.authentication import Caller
from muniment.identity.grounds import Grounds
from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.keys import StaticKeySource
from muniment.identity.permissions import Permission, permissions_of
from muniment.identity.principal import Principal
from muniment.identity.repository import AccountRepository
from muniment.identity.rights import RightsKeeper
from muniment.identity.settings import (
    ApiKeySettings,
    AttributeType,
    IdentitySettings,
    IssuerSettings,
)
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.unit_of_work import Scope
from tests.support.database import SETTINGS, TestDatabase
from tests.support.fixed_clock import FixedClock

ISSUER = "https://sso.example.com/realms/muniment"
SEARCH = frozenset({Permission.SEARCH_QUERY})
_DECLARED: Mapping[str, AttributeType] = {"department": "str", "clearance": "int"}


def trust(identifier: str = ISSUER) -> TrustedIssuer:
    settings = IssuerSettings(
        issuer=ISSUER, audience="muniment-api", clients=("web",), tenant="acme"
    )
    issuer = TrustedIssuer.from_settings(settings, _DECLARED, StaticKeySource([]))
    return replace(issuer, identifier=identifier)


@dataclass(frozen=True)
class Desk:
    """Where keys are made and used, by the clock of the test."""

    database: TestDatabase
    reads: PreparedReads
    clock: FixedClock
    uses: KeyUses
    settings: IdentitySettings

    def way_in(self, *issuers: TrustedIssuer) -> ApiKeys:
        trusted = TrustedIssuers(issuers or [trust()])
        return ApiKeys(self.reads, trusted, self.settings, self.clock, self.uses)

    async def sign_in(self, user: str = "alice", *roles: str, issuer: str = ISSUER) -> Caller:
        """Come with a token, so that rights are kept; member unless it is said."""
        accounts = AccountRepository(self.reads, self.database.serving)
        key = (issuer, user, "acme")
        await accounts.add(*key, self.clock.now())
        account = await accounts.find(*key)
        assert account is not None
        held = frozenset(roles or ("member",))
        principal = Principal(
            user_id=account.account_id,
            tenant_id=account.tenant_id,
            tenant="acme",
            issuer=issuer,
            subject=user,
            roles=held,
            groups=frozenset({"/eng/search"}),
            attributes={"clearance": 2},
            permissions=permissions_of(held, self.settings.roles),
        )
        now = self.clock.now()
        grounds = Grounds(account.account_id, issuer, user, now, issued_at=now)
        caller = Caller(principal, account, grounds)
        await RightsKeeper(self.database.serving, self.settings, self.clock).keep(caller)
        return caller

    async def make(
        self,
        caller: Caller,
        scope: frozenset[Permission] = SEARCH,
        expires_in: timedelta | None = None,
        settings: ApiKeySettings | None = None,
    ) -> NewKey:
        wanted = ApiKeyCreate(name="Nightly", scope=scope, expires_in=expires_in)
        principal = caller.principal
        async with self.database.serving.begin(
            Scope(principal.tenant_id, principal.names)
        ) as session:
            service = ApiKeyService(session, settings or self.settings.api_keys, self.clock)
            return await service.create(principal, wanted)

    async def revoke(self, caller: Caller, made: NewKey) -> None:
        principal = caller.principal
        scope = Scope(principal.tenant_id, principal.names)
        async with self.database.serving.begin(scope) as session:
            service = ApiKeyService(session, self.settings.api_keys, self.clock)
            await service.revoke(principal, made.key.id)

    async def run(self, statement: str, **values: object) -> None:
        async with self.database.owner.begin() as owner:
            await owner.execute(text(statement), values)

    async def value(self, query: str) -> object:
        async with self.database.owner.connect() as owner:
            found: object = (await owner.execute(text(query))).scalar_one()
            return found

    def within(self, settings: IdentitySettings) -> "Desk":
        return replace(self, settings=settings)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def desk(database: TestDatabase, clock: FixedClock) -> AsyncIterator[Desk]:
    async with PreparedReads(database.urls.serving, SETTINGS) as reads:
        uses = KeyUses(database.serving, clock)
        yield Desk(database, reads, clock, uses, IdentitySettings())
        await uses.close()
