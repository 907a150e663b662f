"""How long it is remembered that somebody was erased: as long as a token from before may live."""

from datetime import timedelta

from sqlalchemy import delete, func

from muniment.identity.local_issuer import MAX_LIFETIME
from muniment.identity.models import ErasedSubject
from muniment.identity.settings import IdentitySettings
from muniment.postgres.unit_of_work import Transactions


def longest_token_life(settings: IdentitySettings) -> timedelta:
    """Give how long after its issue, by our clock, a token of any issuer is alive at most."""
    lives = [issuer.max_token_lifetime + issuer.leeway for issuer in settings.issuers]
    return max([MAX_LIFETIME, *lives])


async def purge_erasures(transactions: Transactions, kept_for: timedelta) -> int:
    """Remove what has been remembered for longer than that, as the worker role; give its number."""
    async with transactions.begin(None) as session:
        expired = ErasedSubject.erased_at < func.now() - kept_for
        removed = delete(ErasedSubject).where(expired).returning(ErasedSubject.tenant_id)
        return len((await session.scalars(removed)).all())
