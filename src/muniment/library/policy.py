"""Who may see and edit a document: the one place where the rule is written down.

`access_filter` builds the predicate tree from a caller, once; `ports.access.evaluate` decides it in
memory; `predicate` compiles it to SQL. Every query on documents and on what hangs below them goes
through `predicate`. The truth table stands in `docs/filter-semantics.md` and drives a test.
"""

from collections.abc import Iterable, Sequence
from typing import assert_never
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    any_,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import BigInteger

from muniment.identity.principal import Principal
from muniment.library.models import Collection, CollectionGrant, Document
from muniment.ports.access import (
    AccessFilter,
    AllOf,
    AnyOf,
    AttributeValue,
    CreatedBy,
    FulfilsConditions,
    InTenant,
    NotDeleted,
    Overlaps,
    SetField,
    Unruled,
)


def access_filter(principal: Principal) -> AccessFilter:
    """Say which documents a caller may read.

    A document's rule narrows its collection: readers and editors need a grant and must fulfil the
    rule. It does not bind the document's creator, nor the collection's owners.
    """
    return _filter(principal, "collection_grantees")


def edit_filter(principal: Principal) -> AccessFilter:
    """Say which documents a caller may change, delete, and share."""
    return _filter(principal, "collection_editors")


def _filter(principal: Principal, needed: SetField) -> AccessFilter:
    names = principal.names
    fulfils_rule = AllOf(
        (
            AnyOf((Unruled(), Overlaps("rule_principals", names))),
            FulfilsConditions(principal.attributes),
        )
    )
    return AllOf(
        (
            InTenant(principal.tenant_id),
            NotDeleted(),
            AnyOf(
                (
                    CreatedBy(f"user:{principal.user_id}"),
                    Overlaps("collection_owners", names),
                    AllOf((Overlaps(needed, names), fulfils_rule)),
                )
            ),
        )
    )


def predicate(access: AccessFilter) -> ColumnElement[bool]:
    """Compile a filter to a condition on the rows of `document`.

    The text of the statement depends on the shape of the filter alone, never on how many principals
    a caller has, so that statement caches hit.
    """
    match access:
        case AllOf(parts):
            return and_(true(), *(predicate(part) for part in parts))
        case AnyOf(parts):
            return or_(false(), *(predicate(part) for part in parts))
        case InTenant(tenant_id):
            return Document.tenant_id == tenant_id
        case NotDeleted():
            return Document.deleted_at.is_(None)
        case CreatedBy(principal):
            return Document.created_by == UUID(principal.removeprefix("user:"))
        case Unruled():
            return Document.rule_principals.is_(None)
        case _:
            return _rights_predicate(access)


def _rights_predicate(leaf: Overlaps | FulfilsConditions) -> ColumnElement[bool]:
    match leaf:
        case Overlaps("rule_principals", names):
            overlap: ColumnElement[bool] = Document.rule_principals.overlap(_names(names))
            return overlap
        case Overlaps(field, names):
            return Document.collection_id.in_(granted_collections(names, field))
        case FulfilsConditions(attributes):
            known = Document.condition_attributes.contained_by(_names(attributes))
            demands = (_admits(name, value) for name, value in sorted(attributes.items()))
            return and_(known, *demands)
        case _:
            assert_never(leaf)


def granted_collections(names: Iterable[str], field: SetField) -> Select[UUID]:
    """Select the ids of the collections in which some of the names hold the needed role."""
    found = select(CollectionGrant.collection_id).where(
        CollectionGrant.principal == any_(_names(names))
    )
    match field:
        case "collection_owners":
            return found.where(CollectionGrant.role == "owner")
        case "collection_editors":
            return found.where(CollectionGrant.role.in_(("editor", "owner")))
        case "collection_grantees" | "rule_principals":
            return found
        case _:
            assert_never(field)


def collection_predicate(principal: Principal, field: SetField) -> ColumnElement[bool]:
    """Say which collections a caller holds the needed role in."""
    return and_(
        Collection.tenant_id == principal.tenant_id,
        Collection.deleted_at.is_(None),
        Collection.id.in_(granted_collections(principal.names, field)),
    )


def _admits(attribute: str, value: AttributeValue) -> ColumnElement[bool]:
    """Say that the bounds on one attribute, where there are any, admit the caller's value."""
    bounds = Document.conditions[attribute]
    member = func.coalesce(bounds["in"].contains(cast(func.to_jsonb(_typed(value)), JSONB)), true())
    gte, lte = bounds["gte"].astext, bounds["lte"].astext
    if isinstance(value, str):
        return and_(gte.is_(None), lte.is_(None), member)
    return and_(
        func.coalesce(cast(gte, BigInteger) <= value, true()),
        func.coalesce(cast(lte, BigInteger) >= value, true()),
        member,
    )


def _typed(value: AttributeValue) -> ColumnElement[str] | ColumnElement[int]:
    # to_jsonb takes any type, so the type of the parameter has to be said.
    if isinstance(value, str):
        return cast(literal(value), Text)
    return cast(literal(value), BigInteger)


def _names(names: Iterable[str]) -> ColumnElement[Sequence[str]]:
    return literal(sorted(names), ARRAY(Text))
