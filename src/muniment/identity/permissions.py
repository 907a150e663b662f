"""What a caller may do at all: permissions, and which role has which.

A permission opens a kind of act; which single objects it reaches is decided by access rules.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self


class Permission(StrEnum):
    """An act that a role may allow, written `resource:action`; in the order of the alphabet."""

    description: str

    def __new__(cls, value: str, description: str = "") -> Self:
        """Make a member that is its value and carries its description."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    ANSWERS_ASK = "answers:ask", "Ask questions and get cited answers from documents one may read."
    AUDIT_READ = (
        "audit:read",
        (
            "Read who did what in the tenant and what was refused to whom, ask why any user may"
            " read a document or not, without its name or text, and see how much access rules kept"
            " from a search."
        ),
    )
    COLLECTIONS_CREATE = "collections:create", "Make collections; their maker owns them."
    COLLECTIONS_READ = (
        "collections:read",
        "List collections one has access to and see their settings, without their content.",
    )
    COLLECTIONS_WRITE = (
        "collections:write",
        "Change and delete collections one owns, and decide who else gets in.",
    )
    DOCUMENTS_READ = "documents:read", "List, read and download documents one may read."
    DOCUMENTS_WRITE = (
        "documents:write",
        "Add, change and delete documents in collections one may edit.",
    )
    GRANTS_MANAGE = (
        "grants:manage",
        "See every collection of the tenant and decide who has access to it, without its content.",
    )
    KEYS_MANAGE = "keys:manage", "Make, list and revoke one's own API keys; never with a key."
    PROFILE_READ = "profile:read", "Read one's own profile; everybody who is signed in may."
    PROFILE_WRITE = "profile:write", "Change one's own profile."
    SEARCH_QUERY = "search:query", "Search the documents one may read."
    SETTINGS_MANAGE = (
        "settings:manage",
        "Change the settings of the tenant; in this version a tenant has none yet.",
    )
    USERS_MANAGE = "users:manage", "Make, disable and erase the users of the tenant."
    USERS_READ = "users:read", "List the users of the tenant."


EVERYBODY: Final = frozenset({Permission.PROFILE_READ})
"""What a signed-in caller may do without any role."""

NEVER_BY_KEY: Final = frozenset(
    {
        Permission.GRANTS_MANAGE,
        Permission.KEYS_MANAGE,
        Permission.SETTINGS_MANAGE,
        Permission.USERS_MANAGE,
    }
)
"""What no API key may do: whoever finds one must not gain more, or lock others out, with it."""

DEFAULT_ROLES: Final[Mapping[str, frozenset[Permission]]] = MappingProxyType(
    {
        "member": frozenset(
            {
                Permission.ANSWERS_ASK,
                Permission.COLLECTIONS_CREATE,
                Permission.COLLECTIONS_READ,
                Permission.COLLECTIONS_WRITE,
                Permission.DOCUMENTS_READ,
                Permission.DOCUMENTS_WRITE,
                Permission.KEYS_MANAGE,
                Permission.PROFILE_WRITE,
                Permission.SEARCH_QUERY,
            }
        ),
        "admin": frozenset(
            {
                Permission.AUDIT_READ,
                Permission.COLLECTIONS_READ,
                Permission.GRANTS_MANAGE,
                Permission.PROFILE_WRITE,
                Permission.SETTINGS_MANAGE,
                Permission.USERS_MANAGE,
                Permission.USERS_READ,
            }
        ),
        "auditor": frozenset({Permission.AUDIT_READ, Permission.PROFILE_WRITE}),
    }
)
"""The roles that are there without any setting; none of them implies another."""


def permissions_of(
    roles: Collection[str], permissions: Mapping[str, Collection[Permission]]
) -> frozenset[Permission]:
    """Add up what the roles allow and what everybody may; an unknown role allows nothing."""
    return EVERYBODY.union(*(permissions.get(role, ()) for role in roles))
