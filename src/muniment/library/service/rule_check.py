"""What an access rule may speak of: nothing that could never hold, or let anybody in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from muniment.identity.errors import UnknownIssuerError, UnknownRoleError
from muniment.identity.known import KnownNames
from muniment.identity.settings import IdentitySettings
from muniment.kit.errors import FieldProblem
from muniment.library.access_rules import AccessRule, Condition
from muniment.library.errors import AttributeNotUsableError, UnknownUserError
from muniment.library.repository.grantees import find_unknown_users

RULE_ERRORS: Final = (
    AttributeNotUsableError,
    UnknownRoleError,
    UnknownIssuerError,
    UnknownUserError,
)
"""What a rule may be refused with."""
AttributeTypes = Mapping[str, Literal["str", "int"]]
"""The declared attributes of callers (`[identity.attributes]`)."""


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """Refuses what is likely a slip: such a rule would keep everybody out, without a word."""

    attributes: AttributeTypes
    names: KnownNames

    @classmethod
    def by(cls, identity: IdentitySettings) -> Self:
        """Make the check from the settings."""
        return cls(identity.attributes, KnownNames(identity))

    def require_usable(self, rule: AccessRule, pointer: str) -> None:
        """Refuse attributes, roles and issuers that the settings do not have.

        Raises AttributeNotUsableError, UnknownRoleError and UnknownIssuerError.
        """
        self._require_attributes(rule, pointer)
        for number, name in enumerate(rule.any_of or ()):
            kind, _, rest = name.partition(":")
            place = f"{pointer}/any_of/{number}"
            if kind == "role":
                self.names.require_role(rest, place)
            elif kind == "user" and "|" in rest:
                self.names.require_issuer(rest.partition("|")[0], place)

    def _require_attributes(self, rule: AccessRule, pointer: str) -> None:
        faults: list[FieldProblem] = []
        for number, condition in enumerate(rule.all or ()):
            reason = _reason_against(condition, self.attributes)
            if reason is not None:
                place = f"{pointer}/all/{number}"
                faults.append(FieldProblem("body", place, "attribute_not_usable", reason))
        if faults:
            raise AttributeNotUsableError(tuple(faults))


async def require_known_users(session: AsyncSession, rule: AccessRule, pointer: str) -> None:
    """Refuse ids of users whom the caller's tenant does not have. Raises UnknownUserError."""
    places = {
        UUID(rest): number
        for number, name in enumerate(rule.any_of or ())
        for kind, _, rest in [name.partition(":")]
        if kind == "user" and "|" not in rest
    }
    if places and (unknown := await find_unknown_users(session, places.keys())):
        raise UnknownUserError(f"{pointer}/any_of/{min(places[each] for each in unknown)}")


def _reason_against(condition: Condition, declared: AttributeTypes) -> str | None:
    name = condition.attribute
    kind = declared.get(name)
    if kind is None:
        return f"The attribute {name} is not declared."
    compares_size = condition.gte is not None or condition.lte is not None
    values = [condition.eq] if condition.eq is not None else condition.one_of or []
    if kind == "str" and (compares_size or not all(isinstance(value, str) for value in values)):
        return f"The attribute {name} is a text: compare it by eq or in, with texts."
    if kind == "int" and not all(isinstance(value, int) for value in values):
        return f"The attribute {name} is a whole number: compare it with whole numbers."
    return None
