"""Who may see and edit a document: the one place where the rule is written down.

`access_filter` builds the predicate tree from a caller, once; `ports.access.evaluate` decides it in
memory; `predicate` compiles it to SQL. Every query on documents and on what hangs below them goes
through `predicate`. The truth table stands in `docs/filter-semantics.md` and drives a test.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import assert_never
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    cast,
    false,
    func,
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
from muniment.postgres.fixed import Bind, Value, bind_value


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


def predicate(access: AccessFilter, bind: Bind = bind_value) -> ColumnElement[bool]:
    """Compile a filter to a condition on the rows of `document`.

    The text of the statement depends on the shape of the filter alone (`shape`), never on how many
    principals a caller has, so that a statement that is compiled once serves many callers. Each
    value goes through `bind`, in the order of `values`.
    """
    match access:
        case AllOf(parts):
            return and_(true(), *[predicate(part, bind) for part in parts])
        case AnyOf(parts):
            return or_(false(), *[predicate(part, bind) for part in parts])
        case InTenant(tenant_id):
            return Document.tenant_id == bind(tenant_id, Integer())
        case NotDeleted():
            return Document.deleted_at.is_(None)
        case CreatedBy(principal):
            return Document.created_by == bind(_account(principal), Uuid())
        case Unruled():
            return Document.rule_principals.is_(None)
        case _:
            return _rights_predicate(access, bind)


def _rights_predicate(leaf: Overlaps | FulfilsConditions, bind: Bind) -> ColumnElement[bool]:
    match leaf:
        case Overlaps("rule_principals", names):
            overlap: ColumnElement[bool] = Document.rule_principals.overlap(_names(names, bind))
            return overlap
        case Overlaps(field, names):
            return Document.collection_id.in_(granted_collections(names, field, bind))
        case FulfilsConditions(attributes):
            known = Document.condition_attributes.contained_by(_names(attributes, bind))
            demands = [_admits(name, attributes[name], bind) for name in sorted(attributes)]
            return and_(known, *demands)
        case _:
            assert_never(leaf)


def shape(access: AccessFilter) -> Hashable:
    """Give what the text of the compiled filter depends on, without the values."""
    match access:
        case AllOf(parts) | AnyOf(parts):
            inner = [shape(part) for part in parts]
            return (type(access), *inner)
        case Overlaps(field):
            return (Overlaps, field)
        case FulfilsConditions(attributes):
            kinds = [(name, type(attributes[name])) for name in sorted(attributes)]
            return (FulfilsConditions, *kinds)
        case _:
            return (type(access),)


def values(access: AccessFilter) -> Iterator[Value]:
    """Give the values of a filter in the order in which `predicate` binds them."""
    match access:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from values(part)
        case InTenant(tenant_id):
            yield tenant_id
        case CreatedBy(principal):
            yield _account(principal)
        case Overlaps(_, names):
            yield sorted(names)
        case FulfilsConditions(attributes):
            yield sorted(attributes)
            yield from [attributes[name] for name in sorted(attributes)]
        case NotDeleted() | Unruled():
            pass
        case _:
            assert_never(access)


def granted_collections(
    names: Iterable[str], field: SetField, bind: Bind = bind_value
) -> Select[UUID]:
    """Select the ids of the collections in which some of the names hold the needed role."""
    found = select(CollectionGrant.collection_id).where(
        CollectionGrant.principal == any_(_names(names, bind))
    )
    match field:
        case "collection_owners":
            return found.where(CollectionGrant.role == "owner")
        case "collection_editors":
            grants = CollectionGrant.role
            return found.where(or_(grants == "editor", grants == "owner"))
        case "collection_grantees" | "rule_principals":
            return found
        case _:
            assert_never(field)


def collection_predicate(
    principal: Principal, field: SetField, bind: Bind = bind_value
) -> ColumnElement[bool]:
    """Say which collections a caller holds the needed role in; binds the tenant, then the names."""
    return and_(
        Collection.tenant_id == bind(principal.tenant_id, Integer()),
        Collection.deleted_at.is_(None),
        Collection.id.in_(granted_collections(principal.names, field, bind)),
    )


def _admits(attribute: str, value: AttributeValue, bind: Bind) -> ColumnElement[bool]:
    """Say that the bounds on one attribute, where there are any, admit the caller's value."""
    bounds = Document.conditions[attribute]
    gte, lte = bounds["gte"].astext, bounds["lte"].astext
    # to_jsonb takes any type, so the type of the parameter has to be said.
    if isinstance(value, str):
        text = cast(bind(value, Text()), Text)
        bounded, json = and_(gte.is_(None), lte.is_(None)), func.to_jsonb(text)
    else:
        number = cast(bind(value, BigInteger()), BigInteger)
        at_least = func.coalesce(cast(gte, BigInteger) <= number, true())
        at_most = func.coalesce(cast(lte, BigInteger) >= number, true())
        bounded, json = and_(at_least, at_most), func.to_jsonb(number)
    return and_(bounded, func.coalesce(bounds["in"].contains(cast(json, JSONB)), true()))


def _names(names: Iterable[str], bind: Bind) -> ColumnElement[Sequence[str]]:
    listed: Sequence[str] = sorted(names)
    return bind(listed, ARRAY(Text()))


def _account(principal: str) -> UUID:
    return UUID(principal.removeprefix("user:"))
