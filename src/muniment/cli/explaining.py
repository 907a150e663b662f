"""The command `explain-access`: why somebody may or may not read a document, part by part."""

from typing import Annotated, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.text import Text

from muniment.cli.collections import session_of
from muniment.cli.command import Place
from muniment.cli.product import open_product
from muniment.cli.searching import AsJson
from muniment.cli.terminal import line, print_json
from muniment.cli.tokens import read_attributes
from muniment.identity.local_issuer import ISSUER
from muniment.library.schemas.explanations import AccessExplanationRead
from muniment.library.service.explaining import AskedUser, ExplainingService, suppose

_VERDICTS: Final = {
    True: "may read it",
    False: "may not read it",
    None: "may read it or not: that depends on what only a token says",
}
_MARKS: Final = {True: ("  ✓ ", "green"), False: ("  ✗ ", "red"), None: ("  ? ", "yellow")}


async def explain(
    place: Place,
    user: Annotated[
        str, typer.Option("--user", help="A local user, an id, or <issuer>|<subject>.")
    ],
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
    """Say why somebody may or may not read a document; for owners and auditors.

    Roles, groups and attributes are not kept: suppose what a token of the user would say.
    """
    async with open_product(place) as product, session_of(product) as session:
        identity = product.settings.identity
        attributes = read_attributes(attr or [], identity.attributes)
        asked = suppose(_name_of(user), role or [], group or [], attributes)
        if asked.supposes and not asked.roles:
            asked = AskedUser(
                asked.name, frozenset({"member"}), asked.groups, asked.attributes, supposes=True
            )
        prefixes = {issuer.issuer: issuer.group_prefix for issuer in identity.issuers}
        service = ExplainingService(session, prefixes)
        explained = await service.explain(product.principal, document, asked)
    if as_json:
        print_json(explained)
    else:
        _show(explained, Console(highlight=False))


def _name_of(user: str) -> str:
    """Give a bare word the built-in issuer before it."""
    try:
        UUID(user.removeprefix("user:"))
    except ValueError:
        return user if "|" in user else f"{ISSUER}|{user}"
    return user


def _show(explained: AccessExplanationRead, console: Console) -> None:
    console.print(Text(_VERDICTS[explained.may_read], style="bold"))
    for reason in explained.reasons:
        mark = Text(*_MARKS[reason.holds])
        console.print(mark.append_text(line(f"{reason.part}: {reason.detail}", "default")))
    console.print(
        "[dim]It takes account, tenant and deletion, and then: creator, or owner, or all of the"
        " rest.[/]"
    )
    if explained.claims == "unknown":
        console.print(
            "[dim]Groups, roles and attributes of users are not kept:"
            " suppose them with --role, --group and --attr.[/]"
        )
