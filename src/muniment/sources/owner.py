"""In whose name a source is fetched: its owner, with the rights that were last verified.

There is no token when a schedule comes round. What the owner's last token said when they added the
source, or asked for it, is kept with it; account, grants and roles are asked as they are now. What
an identity provider said grows old after `identity.rights_max_age`. What the built-in issuer said
does not: nobody else could have taken it back.
"""

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.local_issuer import ISSUER
from muniment.identity.permissions import Permission, permissions_of
from muniment.identity.principal import Principal
from muniment.identity.settings import IdentitySettings
from muniment.kit.clock import Clock
from muniment.library.repository.collections import CollectionRepository
from muniment.library.repository.documents import DocumentRepository
from muniment.sources.errors import FetchError, rights_lost
from muniment.sources.models import Source
from muniment.sources.repository import FetchRepository


def write_rights(source: Source, principal: Principal) -> None:
    """Let a source be fetched in the name of this caller from now on."""
    source.created_by = principal.user_id
    source.roles = sorted(principal.roles)
    source.groups = sorted(principal.groups)
    source.group_prefix = principal.group_prefix
    source.attributes = dict(principal.attributes)
    source.verified_at = func.now()


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
                "rights_expired",
                "It is too long ago that the rights of whoever added this source were verified."
                " When they ask for it again, it goes on.",
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
