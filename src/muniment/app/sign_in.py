"""Makes what lets callers in: the issuers, and one way in for each form of credential."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from muniment.app.issuers import ConfiguredIssuers, configured_issuers
from muniment.app.local_mode import load_local_issuer
from muniment.app.settings import Settings
from muniment.identity.authentication import Authenticator
from muniment.identity.bearer import BearerTokens, Verified
from muniment.identity.issuers import TrustedIssuers
from muniment.identity.local_issuer import LocalIssuer
from muniment.identity.repository import AccountRepository
from muniment.identity.settings import IdentitySettings
from muniment.identity.token_cache import TokenCache
from muniment.identity.verifier import TokenVerifier
from muniment.kit.clock import Clock
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.unit_of_work import Transactions
from muniment.sources.owner import Renewal


@dataclass(frozen=True, slots=True)
class SignIn:
    """What lets callers in; one for the whole process."""

    authenticator: Authenticator
    """Lets requests in."""
    tokens: BearerTokens
    issuers: ConfiguredIssuers
    local_issuer: LocalIssuer
    command_line: BearerTokens
    """Lets the commands of this machine in, by tokens of the built-in issuer."""


@asynccontextmanager
async def open_sign_in(
    settings: Settings, clock: Clock, reads: PreparedReads, transactions: Transactions
) -> AsyncIterator[SignIn]:
    """Make it from the settings; the connections to the issuers are closed at the end.

    Requests are let in by the issuers of the settings, and by the built-in one where there is none.
    """
    local = await load_local_issuer(settings, clock)
    identity = settings.identity
    issuers = configured_issuers(identity, clock)
    accounts = AccountRepository(reads, transactions)
    renew = Renewal(transactions, identity).renew
    command_line = _tokens(identity, TrustedIssuers([local.trusted()]), accounts, clock, renew)
    tokens = command_line
    if not settings.is_local_mode:
        tokens = _tokens(identity, issuers.trusted, accounts, clock, renew)
    try:
        yield SignIn(Authenticator(tokens), tokens, issuers, local, command_line)
    finally:
        await issuers.client.close()


def _tokens(
    identity: IdentitySettings,
    issuers: TrustedIssuers,
    accounts: AccountRepository,
    clock: Clock,
    on_verified: Verified,
) -> BearerTokens:
    return BearerTokens(
        verifier=TokenVerifier(issuers, clock),
        issuers=issuers,
        cache=TokenCache(identity.token_cache_size, clock),
        accounts=accounts,
        settings=identity,
        clock=clock,
        on_verified=on_verified,
    )
