"""The rights of users as their issuer last asserted them, for work in their name without a token.

One row for each account. Only what an issuer says is written: nothing that works by kept rights
makes them look younger than they are.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import DateTime, Interval, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from muniment.identity.authentication import Caller
from muniment.identity.settings import IdentitySettings
from muniment.kit.clock import Clock
from muniment.postgres.unit_of_work import Scope, Transactions

_RENEWALS: Final = 24
"""How often rights that stay the same are written anew while they would grow too old."""
_LONGEST: Final = timedelta(hours=1)
"""However old they may grow: it costs nothing, and any number of years is no interval."""

# The account is locked, so that an erasure is waited for and nothing comes back after it. What is
# young already, or said by a later token, locks and writes nothing.
_KEEP: Final = text(
    """
    insert into account_rights as kept
        (account_id, tenant_id, roles, groups, group_prefix, attributes, verified_at, asserted_name)
    select a.id, a.tenant_id, :roles, :groups, :group_prefix, :attributes, :said_at, :asserted_name
    from account a
    where a.id = :account and a.status = 'active' and not exists (
        select from account_rights r
        where r.account_id = a.id and (r.verified_at > :said_at
            or r.verified_at > :said_at - :young
                and r.asserted_name is not distinct from :asserted_name
                and (r.roles, r.groups, r.group_prefix, r.attributes)
                    = (:roles, :groups, :group_prefix, :attributes)))
    for share of a
    on conflict (account_id) do update set
        roles = excluded.roles, groups = excluded.groups, group_prefix = excluded.group_prefix,
        attributes = excluded.attributes, verified_at = excluded.verified_at,
        asserted_name = excluded.asserted_name
    where kept.verified_at <= excluded.verified_at
    """
).bindparams(
    bindparam("roles", type_=ARRAY(Text)),
    bindparam("groups", type_=ARRAY(Text)),
    bindparam("group_prefix", type_=Text),
    bindparam("attributes", type_=JSONB),
    bindparam("said_at", type_=DateTime(timezone=True)),
    bindparam("young", type_=Interval),
    bindparam("asserted_name", type_=Text),
)


class RightsKeeper:
    """Keeps what tokens say about their users; one for the whole process.

    A named exception of docs/decisions/0002: what the issuer said stays true if the request that
    brought it ends in an error.
    """

    def __init__(
        self, transactions: Transactions, settings: IdentitySettings, clock: Clock
    ) -> None:
        self._transactions = transactions
        self._young = min(settings.rights_max_age / _RENEWALS, _LONGEST)
        self._clock = clock

    async def keep(self, caller: Caller) -> None:
        """Write what a token said that was just verified, in a short transaction of its own.

        Nothing is written while the same rights are young, nor what an older token says.
        """
        principal, now = caller.principal, self._clock.now()
        values = {
            "account": principal.user_id,
            "roles": sorted(principal.roles),
            "groups": sorted(principal.groups),
            "group_prefix": principal.group_prefix,
            "attributes": dict(principal.attributes),
            "said_at": min(caller.grounds.issued_at or now, now),
            "young": self._young,
            "asserted_name": caller.asserted_name,
        }
        async with self._transactions.begin(Scope(principal.tenant_id)) as session:
            await session.execute(_KEEP, values)
