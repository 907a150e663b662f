"""Makes what lets callers in: the issuers, and one way in for each form of credential."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from muniment.api_keys.uses import KeyUses
from muniment.api_keys.way_in import ApiKeys
from muniment.app.issuers import ConfiguredIssuers, configured_issuers
from muniment.app.local_mode import load_local_issuer
from muniment.app.settings import Settings
from muniment.app.web_sign_in import (
    BrowserSignIn,
    Parts,
    end_named_sessions,
    make_browser_sign_in,
)
from muniment.audit.counting import AuditCounter
from muniment.identity.authentication import Authenticator, Caller
from muniment.identity.bearer import BearerTokens, Verified
from muniment.identity.erasures import longest_token_life
from muniment.identity.grounds import Grounds
from muniment.identity.issuers import TrustedIssuers
from muniment.identity.local_issuer import LocalIssuer
from muniment.identity.repository import AccountRepository
from muniment.identity.rights import RightsKeeper
from muniment.identity.settings import IdentitySettings
from muniment.identity.token_cache import TokenCache
from muniment.identity.verifier import TokenVerifier
from muniment.kit.clock import Clock
from muniment.kit.origin import NOWHERE, origin
from muniment.postgres.doorbell import Doorbell
from muniment.postgres.engine import DatabaseUrls
from muniment.postgres.prepared import PreparedReads
from muniment.postgres.unit_of_work import Transactions
from muniment.revocation.log import RevocationLog
from muniment.revocation.logout_tokens import LogoutTokenVerifier
from muniment.revocation.repository import CHANNEL
from muniment.revocation.service import BackChannel
from muniment.sources.owner import Renewal


@dataclass(frozen=True, slots=True)
class SignIn:
    """What lets callers in; one for the whole process."""

    authenticator: Authenticator
    """Lets requests in."""
    tokens: BearerTokens
    issuers: ConfiguredIssuers
    local_issuer: LocalIssuer
    revocations: RevocationLog
    doorbell: Doorbell | None
    """None behind a pooler, where nothing is ever heard."""
    back_channel: BackChannel
    counter: AuditCounter
    """Counts refusals and sign-ins for the audit."""
    browsers: BrowserSignIn
    """Lets browsers in by a cookie, and signs them in."""
    command_line: BearerTokens
    """Lets the commands of this machine in, by tokens of the built-in issuer."""

    async def keep_up(self) -> None:
        """Learn of revocations and new keys while requests are answered; ends when cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.issuers.keep_keys_fresh())
            group.create_task(self.revocations.keep_watch())
            group.create_task(self.counter.keep_flushing())
            if self.doorbell is not None:
                group.create_task(self.doorbell.listen())


@asynccontextmanager
async def open_sign_in(
    settings: Settings,
    clock: Clock,
    urls: DatabaseUrls,
    reads: PreparedReads,
    transactions: Transactions,
) -> AsyncIterator[SignIn]:
    """Make it from the settings; the connections to the issuers are closed at the end.

    Requests are let in by the issuers of the settings, and by the built-in one where there is none.
    """
    local = await load_local_issuer(settings, clock)
    identity = settings.identity
    issuers = configured_issuers(identity, clock)
    doorbell = Doorbell(urls.serving, CHANNEL)
    revocations = RevocationLog(reads, transactions, longest_token_life(identity), doorbell.rung)
    key_uses = KeyUses(transactions, clock)
    accounts = AccountRepository(reads, transactions)
    counter = AuditCounter(transactions, clock)
    keep_rights = _rights_keeping(transactions, identity, clock, counter)
    tokens_of = partial(_tokens, accounts, keep_rights, identity, clock, revocations)
    ours = TrustedIssuers([local.trusted()])
    trusted = ours if settings.is_local_mode else issuers.trusted
    tokens = tokens_of(trusted)
    parts = Parts(reads, transactions, issuers, tokens, revocations, local)
    browsers = await make_browser_sign_in(settings, clock, parts)
    try:
        yield SignIn(
            authenticator=browsers.beside(
                tokens, ApiKeys(reads, trusted, identity, clock, key_uses)
            ),
            tokens=tokens,
            issuers=issuers,
            local_issuer=local,
            revocations=revocations,
            doorbell=None if settings.database.pooler else doorbell,
            counter=counter,
            back_channel=_back_channel(issuers.trusted, transactions, clock),
            browsers=browsers,
            command_line=tokens_of(ours),
        )
    finally:
        await browsers.close()
        await key_uses.close()
        await counter.close()
        await issuers.client.close()


def _back_channel(trusted: TrustedIssuers, transactions: Transactions, clock: Clock) -> BackChannel:
    """Make what hears logouts of issuers, and ends browser sessions with them."""
    return BackChannel(LogoutTokenVerifier(trusted, clock), transactions, end_named_sessions)


def _tokens(
    accounts: AccountRepository,
    on_verified: Verified,
    identity: IdentitySettings,
    clock: Clock,
    revocations: RevocationLog,
    trusted: TrustedIssuers,
) -> BearerTokens:
    """Make the way in for tokens of some issuers."""
    return BearerTokens(
        verifier=TokenVerifier(trusted, clock),
        issuers=trusted,
        cache=TokenCache(identity.token_cache_size, clock),
        accounts=accounts,
        settings=identity,
        clock=clock,
        on_verified=on_verified,
        revocations=revocations,
    )


def _rights_keeping(
    transactions: Transactions, identity: IdentitySettings, clock: Clock, counter: AuditCounter
) -> Verified:
    """Make what hears of verified tokens: for whatever works in the name of users later."""
    rights = RightsKeeper(transactions, identity, clock)
    sources = Renewal(transactions, identity)

    async def keep(caller: Caller) -> None:
        if origin() != NOWHERE:  # the command line signs in anew with each command
            counter.sign_in(caller.principal.actor, _sign_in_of(caller.grounds))
        await rights.keep(caller)
        await sources.renew(caller.principal)

    return keep


def _sign_in_of(grounds: Grounds) -> str:
    """Name the sign-in that a token is from: its session at the issuer, else the token itself."""
    if grounds.session_id is not None:
        return f"session {grounds.session_id}"
    return f"token of {grounds.issued_at}"
