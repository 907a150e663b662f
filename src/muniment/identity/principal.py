"""The caller, as every service sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Self
from uuid import UUID

from muniment.audit.acts import Actor
from muniment.identity.claims import VerifiedClaims
from muniment.identity.errors import PermissionDeniedError
from muniment.identity.names import EVERYONE, covering_groups, user_name
from muniment.identity.permissions import Permission
from muniment.ports.access import AttributeValue


@dataclass(frozen=True)
class Principal:
    """Who is asking: the user in a tenant, and what the issuer says about them."""

    user_id: UUID
    tenant_id: int
    tenant: str
    issuer: str
    subject: str
    roles: frozenset[str]
    groups: frozenset[str]
    """Full paths, as the issuer asserted them."""
    attributes: Mapping[str, AttributeValue]
    permissions: frozenset[Permission]
    expires_at: datetime | None = None
    """When the credential ends; None for acts without one, such as the local command line."""
    client: str | None = None
    """The client (`azp`) that the token was issued to."""
    group_prefix: str = "/"
    """How far up membership in a group counts: the issuer may assert nothing above this path."""
    verified_at: datetime | None = None
    """When the issuer said so, for a caller without a token of it; None: by what they came with."""

    @classmethod
    def from_claims(
        cls,
        claims: VerifiedClaims,
        *,
        user_id: UUID,
        tenant_id: int,
        tenant: str,
        permissions: frozenset[Permission],
    ) -> Self:
        """Join what the token says with what the database and the settings know."""
        return cls(
            user_id=user_id,
            tenant_id=tenant_id,
            tenant=tenant,
            issuer=claims.issuer,
            subject=claims.subject,
            roles=claims.roles,
            groups=claims.groups,
            attributes=claims.attributes,
            permissions=permissions,
            expires_at=claims.expires_at,
            client=claims.client,
            group_prefix=claims.group_prefix,
        )

    @property
    def actor(self) -> Actor:
        """Name the caller for the trail of what was done (`muniment.audit`)."""
        return Actor.user(self.user_id, self.tenant_id, self.issuer, self.subject)

    @cached_property
    def names(self) -> frozenset[str]:
        """All names in grants and access rules that mean this caller."""
        return frozenset(
            {
                EVERYONE,
                f"user:{self.user_id}",
                user_name(self.issuer, self.subject),
                *(f"role:{role}" for role in self.roles),
                *(
                    f"group:{path}"
                    for group in self.groups
                    for path in covering_groups(group, self.group_prefix)
                ),
            }
        )


def ensure(principal: Principal, permission: Permission) -> None:
    """Raise PermissionDeniedError unless the caller has the permission."""
    if permission not in principal.permissions:
        raise PermissionDeniedError(
            f"This needs the permission {permission}, and none of your roles has it.",
            hint="Ask an administrator for a role that has it.",
        )
