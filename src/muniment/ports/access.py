"""Who may see a document: one predicate tree, built from the caller, evaluated anywhere.

The tree is built once per caller (`library.policy`), compiled to SQL there, and by every other
store to its own filter language. `evaluate` below is the oracle: whatever a compiled form finds
must equal what it says. The truth table stands in `docs/filter-semantics.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

AttributeValue: TypeAlias = str | int
"""The value of an attribute of a caller, such as a department or a clearance."""

SetField = Literal[
    "collection_grantees", "collection_editors", "collection_owners", "rule_principals"
]
"""The sets of principal names that a document carries for its walls."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a rule demands of one attribute: all conditions on it, folded into one.

    An absent part does not restrict. `members` empty means that nobody can fulfil it.
    """

    gte: int | None = None
    lte: int | None = None
    members: frozenset[AttributeValue] | None = None

    def admits(self, value: AttributeValue) -> bool:
        """Tell whether a value fulfils the demand; one of the wrong type never does."""
        if (self.gte is not None or self.lte is not None) and not isinstance(value, int):
            return False
        if self.gte is not None and isinstance(value, int) and value < self.gte:
            return False
        if self.lte is not None and isinstance(value, int) and value > self.lte:
            return False
        return self.members is None or value in self.members


@dataclass(frozen=True, slots=True)
class Walls:
    """All that decides who may see a document: its collection's grants and its own rule."""

    tenant_id: int
    creator: str
    collection_grantees: frozenset[str]
    """Every principal with a grant on the collection, whatever its role."""
    collection_editors: frozenset[str]
    """Those of them that may edit: editors and owners."""
    collection_owners: frozenset[str]
    rule_principals: frozenset[str] | None = None
    """`any_of` of the rule; None where the rule has none."""
    conditions: Mapping[str, Bounds] | None = None
    """`all` of the rule, by attribute; None where the rule has none."""
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class AllOf:
    """True when every part is; with no parts, true."""

    parts: tuple["AccessFilter", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when some part is; with no parts, false."""

    parts: tuple["AccessFilter", ...]


@dataclass(frozen=True, slots=True)
class InTenant:
    """The document belongs to this tenant."""

    tenant_id: int


@dataclass(frozen=True, slots=True)
class NotDeleted:
    """The document has not been deleted."""


@dataclass(frozen=True, slots=True)
class CreatedBy:
    """The document was created by this principal."""

    principal: str


@dataclass(frozen=True, slots=True)
class Overlaps:
    """One of the caller's principals is in the document's set; an absent set overlaps nothing."""

    field: SetField
    principals: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unruled:
    """The document's rule names no principals, so it does not restrict by principal."""


@dataclass(frozen=True, slots=True)
class FulfilsConditions:
    """The caller's attributes fulfil every condition of the rule; a missing one fails."""

    attributes: Mapping[str, AttributeValue]


AccessFilter: TypeAlias = (
    AllOf | AnyOf | InTenant | NotDeleted | CreatedBy | Overlaps | Unruled | FulfilsConditions
)


def evaluate(access: AccessFilter, walls: Walls) -> bool:
    """Decide in memory: the reference that every compiled form is tested against."""
    match access:
        case AllOf(parts):
            return all(evaluate(part, walls) for part in parts)
        case AnyOf(parts):
            return any(evaluate(part, walls) for part in parts)
        case _:
            return _evaluate_leaf(access, walls)


def _evaluate_leaf(
    leaf: InTenant | NotDeleted | CreatedBy | Overlaps | Unruled | FulfilsConditions, walls: Walls
) -> bool:
    match leaf:
        case InTenant(tenant_id):
            return walls.tenant_id == tenant_id
        case NotDeleted():
            return not walls.deleted
        case CreatedBy(principal):
            return walls.creator == principal
        case Overlaps(field, principals):
            return not principals.isdisjoint(_set_field(field, walls))
        case Unruled():
            return walls.rule_principals is None
        case FulfilsConditions(attributes):
            return _fulfils(attributes, walls.conditions or {})
        case _:
            assert_never(leaf)


def _set_field(field: SetField, walls: Walls) -> frozenset[str]:
    match field:
        case "collection_grantees":
            return walls.collection_grantees
        case "collection_editors":
            return walls.collection_editors
        case "collection_owners":
            return walls.collection_owners
        case "rule_principals":
            return walls.rule_principals or frozenset()
        case _:
            assert_never(field)


def _fulfils(attributes: Mapping[str, AttributeValue], conditions: Mapping[str, Bounds]) -> bool:
    return all(
        name in attributes and bounds.admits(attributes[name])
        for name, bounds in conditions.items()
    )
