"""The generated pages of permissions and of file formats."""

from collections.abc import Iterable

from muniment.app.format_facts import FORMATS
from muniment.identity.permissions import DEFAULT_ROLES, EVERYBODY, Permission
from muniment.ingestion.parsing.shelf import PARSERS
from muniment.kit.plugins import list_plugins, load_plugin
from muniment.ports.media_types import endings_of

_PERMISSIONS_HEAD = """\
# Permissions

This page is made from the code: `make fix` writes it anew.

A permission opens a kind of act; which single objects it reaches is decided by grants and access
rules. Roles hold permissions, and no role implies another. `[identity.roles]` in the settings
replaces what a role may do, or adds a role.

"""
_FORMATS_HEAD = """\
# Formats

This page is made from the code: `make fix` writes it anew.

The kind of a file is decided by its first bytes, then by the ending of its name. Parsers are
plug-ins (entry points of the group `muniment.parsers`); these come with the product. Citations
carry a page where the format has pages, and headings stand above every passage that is found.

"""
_FORMATS_FOOT = """
A file that cannot be read ends as `failed` with a code: `empty_document`, `malformed`, `encrypted`,
`no_text_layer`, `too_large`, or that of the limit that it ran into (`parser_timeout`,
`parser_memory`). Pictures are read in no format.

## Media types

"""


def write_permissions_reference() -> str:
    """Write the page of all permissions, and of the roles that hold them without any setting."""
    roles = {"everybody": EVERYBODY, **DEFAULT_ROLES}
    parts = [
        _PERMISSIONS_HEAD,
        _row(["permission", "allows", *roles]),
        _row(["---"] * (2 + len(roles))),
    ]
    for permission in sorted(Permission):
        held = ["yes" if permission in allowed else "" for allowed in roles.values()]
        parts.append(_row([f"`{permission}`", permission.description, *held]))
    return "".join(parts)


def write_formats_reference() -> str:
    """Write the page of the file formats that the installed parsers read."""
    kept = [_FORMATS_HEAD, _row(["plug-in", "endings", "headings", "pages", "tables", "remarks"])]
    kept.append(_row(["---"] * 6))
    types = [_FORMATS_FOOT, _row(["plug-in", "media types"]), _row(["---"] * 2)]
    facts = {each.plugin: each for each in FORMATS}
    for name in list_plugins(PARSERS):
        media_types = sorted(load_plugin(PARSERS, name, {}).media_types)
        endings = _in_code(ending for kind in media_types for ending in endings_of(kind))
        types.append(_row([_in_code([name]), _in_code(media_types)]))
        if name in facts:
            fact = facts[name]
            cells = [fact.headings, fact.pages, fact.tables, fact.remarks]
            kept.append(_row([_in_code([name]), endings, *(cell or "-" for cell in cells)]))
    return "".join([*kept, *types])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _in_code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
