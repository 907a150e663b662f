"""What an explanation of access reads: the walls of a document without the document, and a user."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.models import Account
from muniment.library.access_rules import conditions_from_json
from muniment.library.models import CollectionGrant
from muniment.ports.access import Walls

_WALLS = text("select * from muniment_document_walls(:document)")


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the tenant."""

    id: UUID
    issuer: str
    subject: str
    status: str


class ExplanationRepository:
    """Reads within the caller's tenant; who may ask is decided before."""

    def __init__(self, session: AsyncSession, tenant_id: int) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def find_walls(self, document_id: UUID) -> Walls | None:
        """Read all that decides who may see a document of the tenant, and nothing it says."""
        row = (await self._session.execute(_WALLS, {"document": document_id})).one_or_none()
        if row is None:
            return None
        grants = await self._session.execute(
            select(CollectionGrant.principal, CollectionGrant.role).where(
                CollectionGrant.collection_id == row.collection_id
            )
        )
        roles: dict[str, str] = dict(grants.all())
        names = row.rule_principals
        return Walls(
            tenant_id=self._tenant_id,
            creator=f"user:{row.created_by}",
            collection_grantees=frozenset(roles),
            collection_editors=frozenset(name for name, role in roles.items() if role != "reader"),
            collection_owners=frozenset(name for name, role in roles.items() if role == "owner"),
            rule_principals=None if names is None else frozenset(names),
            conditions=conditions_from_json(row.conditions),
            deleted=row.deleted,
        )

    async def find_person(self, user_id: UUID) -> Person | None:
        """Find a user of the tenant by id; those who were erased are nobody."""
        return await self._find(Account.id == user_id)

    async def find_signed_in(self, issuer: str, subject: str) -> Person | None:
        """Find a user of the tenant by what the issuer calls them."""
        return await self._find(and_(Account.issuer == issuer, Account.subject == subject))

    async def _find(self, condition: ColumnElement[bool]) -> Person | None:
        found = await self._session.execute(
            select(Account.id, Account.issuer, Account.subject, Account.status).where(
                Account.tenant_id == self._tenant_id, Account.status != "erased", condition
            )
        )
        row = found.one_or_none()
        return None if row is None else Person(*row)
