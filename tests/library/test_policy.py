"""One compiled statement serves many callers: nothing of the first one may stay in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, select
from sqlalchemy.types import TypeEngine

from muniment.app.tables import all_tables
from muniment.identity.principal import Principal
from muniment.library.models import Document
from muniment.library.policy import access_filter, edit_filter, predicate, shape, values
from muniment.ports.access import AccessFilter, AttributeValue
from muniment.postgres.fixed import FixedStatement, Places, T, bind_value

all_tables()
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
