"""The command `explain-access`: why somebody may or may not read a document, part by part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import typer
from pydantic import RootModel
from rich.console import Console
from rich.text import Text
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from muniment.cli.collections import session_of
from muniment.cli.command import Place, UsageError
from muniment.cli.product import Product, open_product
from muniment.cli.searching import AsJson
from muniment.cli.terminal import line, print_json
from muniment.cli.tokens import read_attributes
from muniment.identity.local_issuer import ISSUER
from muniment.identity.models import Account
from muniment.identity.names import valid_group, valid_issuer, valid_role, valid_subject
from muniment.identity.principal import Principal
from muniment.kit.clock import SystemClock
from muniment.library.access_rules import conditions_from_json
from muniment.library.explanation import Explanation, explain_access
from muniment.library.models import Document
from muniment.library.repository.documents import DocumentRepository
from muniment.library.service.documents import DocumentService
from muniment.ports.access import AttributeValue, Walls

_NOBODY = UUID(int=0)
"""Stands for somebody who never signed in, and so never added a document."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who is asked about, as it was typed."""

    user: str
    roles: Sequence[str]
    groups: Sequence[str]
    attributes: Mapping[str, AttributeValue]

    async def principal(self, product: Product, session: AsyncSession) -> Principal:
        """Make the principal that a token like this would give, in the acting user's tenant."""
        acting = product.principal
        issuer, bar, subject = self.user.partition("|")
        issuer, subject = (issuer, subject) if bar else (ISSUER, self.user)
        try:
            issuer = valid_issuer(issuer)
            return Principal(
                user_id=await _account_id(session, issuer, valid_subject(subject)),
                tenant_id=acting.tenant_id,
                tenant=acting.tenant,
                issuer=issuer,
                subject=subject,
                roles=frozenset(map(valid_role, self.roles)),
                groups=frozenset(map(valid_group, self.groups)),
                attributes=self.attributes,
                permissions=frozenset(),
            )
        except ValueError as error:
            raise UsageError(f"Nobody can be like that: {error}.") from error


async def explain(
    place: Place,
    user: Annotated[str, typer.Option("--user", help="A local user, or <issuer>|<subject>.")],
    document: Annotated[UUID, typer.Option("--document", help="Id of the document.")],
    role: Annotated[
        list[str] | None, typer.Option("--role", help="A role; may be given again.")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", help="A group's full path, such as /eng/search.")
    ] = None,
    attr: Annotated[
        list[str] | None, typer.Option("--attr", help="An attribute, such as clearance=3.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say why somebody may or may not read a document; for those who may edit it."""
    async with open_product(place) as product, session_of(product) as session:
        declared = product.settings.identity.attributes
        service = DocumentService(session, declared, SystemClock())
        view = await service.read_for_editing(product.principal, document)
        attributes = read_attributes(attr or [], declared)
        asked = _Asked(user, role or ["member"], group or [], attributes)
        subject = await asked.principal(product, session)
        walls = await _walls(session, subject, view.document)
    explained = explain_access(subject, walls)
    if as_json:
        print_json(RootModel[Explanation](explained))
    else:
        _show(explained, Console(highlight=False))


async def _account_id(session: AsyncSession, issuer: str, subject: str) -> UUID:
    found = await session.scalar(
        select(Account.id).where(Account.issuer == issuer, Account.subject == subject)
    )
    return _NOBODY if found is None else found


async def _walls(session: AsyncSession, subject: Principal, document: Document) -> Walls:
    """Gather what decides, of the collection's grants only those that mean the user."""
    roles = await DocumentRepository(session).caller_roles(subject, document.collection_id)
    names = document.rule_principals
    return Walls(
        tenant_id=document.tenant_id,
        creator=f"user:{document.created_by}",
        collection_grantees=frozenset(roles),
        collection_editors=frozenset(name for name, role in roles.items() if role != "reader"),
        collection_owners=frozenset(name for name, role in roles.items() if role == "owner"),
        rule_principals=None if names is None else frozenset(names),
        conditions=conditions_from_json(document.conditions),
        deleted=document.deleted_at is not None,
    )


def _show(explained: Explanation, console: Console) -> None:
    verdict = "may read it" if explained.may_read else "may not read it"
    console.print(Text(verdict, style="bold"))
    for reason in explained.reasons:
        mark = Text("  ✓ ", "green") if reason.holds else Text("  ✗ ", "red")
        console.print(mark.append_text(line(f"{reason.part}: {reason.detail}", "default")))
    console.print(
        "[dim]It takes the first two, and then: creator, or owner, or all of the rest.[/]"
    )
