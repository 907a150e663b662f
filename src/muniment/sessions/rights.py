"""What an issuer said of a user, as a session keeps it between two questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import JsonValue, TypeAdapter

from muniment.identity.principal import Principal
from muniment.ports.access import AttributeValue


@dataclass(frozen=True, slots=True)
class Rights:
    """The claims that decide what a user may do; two that are equal allow the same."""

    client: str | None
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    group_prefix: str
    attributes: Mapping[str, AttributeValue]

    @classmethod
    def of(cls, principal: Principal) -> Self:
        """Take them from a caller whose token was just verified, in one order."""
        return cls(
            client=principal.client,
            roles=tuple(sorted(principal.roles)),
            groups=tuple(sorted(principal.groups)),
            group_prefix=principal.group_prefix,
            attributes=dict(principal.attributes),
        )

    def as_json(self) -> dict[str, JsonValue]:
        """Write them as the database keeps them."""
        return {
            "client": self.client,
            "roles": list(self.roles),
            "groups": list(self.groups),
            "group_prefix": self.group_prefix,
            "attributes": dict(self.attributes),
        }


RIGHTS: TypeAdapter[Rights] = TypeAdapter(Rights)
"""Reads them back."""
