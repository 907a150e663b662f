"""One compiled statement serves many callers, and what the policy does not know opens no wall."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, select
from sqlalchemy.types import TypeEngine

from muniment.app.tables import all_tables
from muniment.identity.principal import Principal
from muniment.library.models import Document
from muniment.library.policy import (
    access_filter,
    edit_filter,
    granted_collections,
    predicate,
    shape,
    values,
)
from muniment.ports.access import (
    AccessFilter,
    AllOf,
    AnyOf,
    AttributeValue,
    InTenant,
    Overlaps,
    SetField,
    Walls,
    evaluate,
)
from muniment.postgres.fixed import FixedStatement, Places, T, bind_value

all_tables()
UNKNOWN = cast(AccessFilter, object())
WALLS = Walls(1, "user:x", frozenset(), frozenset(), frozenset())
NAMES = st.lists(st.sampled_from(["/a", "/a/b", "/c d", "/e'"]), unique=True)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["clearance", "department", "level"]),
    st.integers(-(2**31), 2**31) | st.text(max_size=5),
)


@st.composite
def principals(draw: st.DrawFn) -> Principal:
    return caller(draw(st.integers(1, 9)), draw(st.uuids()), draw(NAMES), draw(ATTRIBUTES))


def caller(
    tenant: int, user: UUID, groups: Sequence[str], attributes: Mapping[str, AttributeValue]
) -> Principal:
    return Principal(
        user_id=user,
        tenant_id=tenant,
        tenant=f"tenant-{tenant}",
        issuer="https://issuer.test",
        subject=str(user),
        roles=frozenset({"member"}),
        groups=frozenset(groups),
        attributes=attributes,
        permissions=frozenset(),
    )


@dataclass
class Recorded:
    """Notes the values in the order in which they are bound."""

    values: list[object] = field(default_factory=list)

    def __call__(self, value: T, type_: TypeEngine[T], /) -> ColumnElement[T]:
        self.values.append(value)
        return bind_value(value, type_)


def fixed(access: AccessFilter) -> FixedStatement:
    return FixedStatement(select(Document.id).where(predicate(access, Places())))


class TestValues:
    @given(principal=principals())
    def test_come_in_the_order_in_which_they_are_bound(self, principal: Principal) -> None:
        for access in (access_filter(principal), edit_filter(principal)):
            recorded = Recorded()
            predicate(access, recorded)

            assert list(values(access)) == recorded.values


class TestShape:
    @given(one=principals(), tenant=st.integers(10, 99), groups=NAMES)
    def test_holds_nothing_of_the_caller(
        self, one: Principal, tenant: int, groups: Sequence[str]
    ) -> None:
        attributes: dict[str, AttributeValue] = {
            name: "secret" if isinstance(value, str) else 424242
            for name, value in one.attributes.items()
        }
        other = caller(tenant, uuid4(), groups, attributes)
        mine, theirs = access_filter(one), access_filter(other)

        assert shape(mine) == shape(theirs)
        first, second = fixed(mine), fixed(theirs)
        assert (first.sql, first.constants) == (second.sql, second.constants)

    @given(one=principals(), other=principals())
    def test_differs_wherever_the_statement_does(self, one: Principal, other: Principal) -> None:
        mine, theirs = access_filter(one), access_filter(other)
        first, second = fixed(mine), fixed(theirs)

        same = (first.sql, first.constants) == (second.sql, second.constants)
        assert same == (shape(mine) == shape(theirs))

    @given(one=principals())
    def test_tells_reading_from_editing(self, one: Principal) -> None:
        assert shape(access_filter(one)) != shape(edit_filter(one))


class TestUnknownParts:
    @pytest.mark.parametrize(
        "tree", [UNKNOWN, AllOf((InTenant(1), UNKNOWN)), AnyOf((InTenant(2), AllOf((UNKNOWN,))))]
    )
    def test_of_a_tree_are_refused_by_both_forms(self, tree: AccessFilter) -> None:
        with pytest.raises(AssertionError):
            predicate(tree)
        with pytest.raises(AssertionError):
            evaluate(tree, WALLS)

    def test_of_the_sets_of_principals_are_refused(self) -> None:
        field = cast(SetField, "collection_everybody")
        with pytest.raises(AssertionError):
            granted_collections(["everyone"], field)
        with pytest.raises(AssertionError):
            predicate(Overlaps(field, frozenset({"everyone"})))


class TestEmptyTrees:
    def test_all_of_nothing_holds_and_any_of_nothing_does_not(self) -> None:
        assert evaluate(AllOf(()), WALLS)
        assert not evaluate(AnyOf(()), WALLS)
        assert str(predicate(AllOf(()))) == "true"
        assert str(predicate(AnyOf(()))) == "false"
