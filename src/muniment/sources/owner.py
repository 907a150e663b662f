"""In whose name a source is fetched: its owner, with the rights that were last verified.

There is no token when a schedule comes round. What the owner's token said when they added the
source, or asked for it, is kept with it; account, grants and roles are asked as they are now. What
an identity provider said grows old after `identity.rights_max_age`, and is renewed by each token
that the owner comes with. What the built-in issuer said does not grow old: nobody else could have
taken it back.
"""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.local_issuer import ISSUER
from muniment.identity.permissions import Permission, permissions_of
from muniment.identity.principal import Principal
from muniment.identity.settings import IdentitySettings
from muniment.kit.clock import Clock
from muniment.library.repository.collections import CollectionRepository
from muniment.library.repository.documents import DocumentRepository
from muniment.postgres.unit_of_work import Scope, Transactions
from muniment.sources.errors import RIGHTS_EXPIRED, FetchError, rights_lost
from muniment.sources.models import Source
from muniment.sources.repository import FetchRepository, SourceRepository, rights_of

_RENEWALS: Final = 24
"""How often rights are written anew while they would grow too old."""


def write_rights(source: Source, principal: Principal) -> None:
    """Let a source be fetched in the name of this caller from now on."""
    source.created_by = principal.user_id
    for name, value in rights_of(principal).items():
        setattr(source, name, value)


class Renewal:
    """Keeps the rights of owners as their tokens say, whatever they come for.

    Not with each token: what is younger than a part of the age that is allowed is left as it is.
    """

    def __init__(self, transactions: Transactions, settings: IdentitySettings) -> None:
        self._transactions = transactions
        self._older_than = settings.rights_max_age / _RENEWALS

    async def renew(self, principal: Principal) -> None:
        """Write what a token said that was just verified, in a short transaction of its own."""
        if principal.issuer == ISSUER:
            return
        scope = Scope(principal.tenant_id, principal.names)
        async with self._transactions.begin(scope) as session:
            await SourceRepository(session).renew(principal, self._older_than)


class Owners:
    """Makes the principal of a source, if there still is one who may write."""

    def __init__(self, settings: IdentitySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    async def principal_of(self, session: AsyncSession, source: Source) -> Principal:
        """Give the owner as a caller. Raises FetchError for one who may not write there now."""
        account = await FetchRepository(session).find_owner(source)
        if account is None:
            raise rights_lost()  # told to nobody: the source is not there any more
        age = self._clock.now() - source.verified_at
        if account.issuer != ISSUER and age > self._settings.rights_max_age:
            raise FetchError(
                RIGHTS_EXPIRED,
                "It is too long ago that the rights of whoever added this source were verified."
                " When they sign in again, it goes on.",
                stops=True,
            )
        roles = frozenset(source.roles)
        principal = Principal(
            user_id=source.created_by,
            tenant_id=source.tenant_id,
            tenant=account.tenant,
            issuer=account.issuer,
            subject=account.subject,
            roles=roles,
            groups=frozenset(source.groups),
            attributes=source.attributes,
            permissions=permissions_of(roles, self._settings.roles),
            group_prefix=source.group_prefix,
        )
        is_member = Permission.DOCUMENTS_WRITE in principal.permissions
        if account.status != "active" or not is_member:
            raise rights_lost()
        if not await _may_write(session, source, principal):
            raise rights_lost()
        return principal


async def _may_write(session: AsyncSession, source: Source, principal: Principal) -> bool:
    if source.document_id is not None:
        view = await DocumentRepository(session).find(principal, source.document_id)
        if view is None or not view.may_edit:
            return False
    return await CollectionRepository(session).hold_for_adding(principal, source.collection_id)
