"""Callers of the API: users of the local issuer, with whatever the issuer may say about them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from muniment.identity.local_issuer import DEFAULT_TENANT, LocalIssuer
from muniment.ports.access import AttributeValue

MEMBER = ("member",)
ADMIN = ("admin",)
AUDITOR = ("auditor",)


class Claims(TypedDict, total=False):
    """What the issuer says about a caller, for a mark or a client."""

    roles: Collection[str]
    groups: Collection[str]
    attributes: Mapping[str, AttributeValue]
    tenant: str


@dataclass(frozen=True)
class CallerSpec:
    """Who calls: what `@pytest.mark.principal(...)` takes."""

    user: str = "alice"
    roles: Collection[str] = MEMBER
    groups: Collection[str] = ()
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    tenant: str = DEFAULT_TENANT


def mint(issuer: LocalIssuer, caller: CallerSpec) -> str:
    return issuer.mint(
        caller.user,
        roles=caller.roles,
        groups=caller.groups,
        attributes=caller.attributes,
        tenant=caller.tenant,
    )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
