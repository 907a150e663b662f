from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.ports.access import (
    AccessFilter,
    AllOf,
    AnyOf,
    AttributeValue,
    Bounds,
    CreatedBy,
    FulfilsConditions,
    InTenant,
    NotDeleted,
    Overlaps,
    SetField,
    Unruled,
    Walls,
    evaluate,
)

NAMES = st.sampled_from(["everyone", "user:a", "user:b", "group:/x"])
SETS = st.frozensets(NAMES, max_size=3)
NUMBERS = st.integers(-2, 3)
VALUES = NUMBERS | st.sampled_from(["hr", "2", ""])
BOUNDS = st.builds(
    Bounds,
    gte=st.none() | NUMBERS,
    lte=st.none() | NUMBERS,
    members=st.none() | st.frozensets(VALUES, max_size=3),
)
ATTRIBUTES = st.dictionaries(st.sampled_from(["clearance", "department"]), VALUES, max_size=2)
WALLS = st.builds(
    Walls,
    tenant_id=st.integers(1, 2),
    creator=NAMES,
    collection_grantees=SETS,
    collection_editors=SETS,
    collection_owners=SETS,
    rule_principals=st.none() | SETS,
    conditions=st.none()
    | st.dictionaries(st.sampled_from(["clearance", "department"]), BOUNDS, max_size=2),
    deleted=st.booleans(),
)
FIELDS: tuple[SetField, ...] = (
    "collection_grantees",
    "collection_editors",
    "collection_owners",
    "rule_principals",
)
LEAVES: st.SearchStrategy[AccessFilter] = st.one_of(
    st.builds(InTenant, st.integers(1, 2)),
    st.just(NotDeleted()),
    st.just(Unruled()),
    st.builds(CreatedBy, NAMES),
    st.builds(Overlaps, st.sampled_from(FIELDS), SETS),
    st.builds(FulfilsConditions, ATTRIBUTES),
)
TREES: st.SearchStrategy[AccessFilter] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
BARE = Walls(
    tenant_id=1,
    creator="user:a",
    collection_grantees=frozenset({"everyone"}),
    collection_editors=frozenset({"user:b"}),
    collection_owners=frozenset({"user:c"}),
)


class TestBounds:
    @pytest.mark.parametrize(
        ("bounds", "admitted", "refused"),
        [
            (Bounds(), [0, "", "hr", -(10**18)], []),
            (Bounds(gte=2), [2, 3], [1, -2, "2", "3", "hr", ""]),
            (Bounds(lte=2), [2, -1], [3, "1", ""]),
            (Bounds(gte=1, lte=1), [1], [0, 2, "1"]),
            (Bounds(gte=2, lte=1), [], [1, 2, "1"]),
            (Bounds(gte=0), [0], [-1]),
            (Bounds(members=frozenset()), [], [0, "", "hr"]),
            (Bounds(members=frozenset({"hr", 3})), ["hr", 3], ["HR", "hr ", "3", 4]),
            (Bounds(gte=2, members=frozenset({1, 2, "x"})), [2], [1, 3, "x"]),
        ],
    )
    def test_admit_exactly_what_fulfils_every_part(
        self, bounds: Bounds, admitted: list[AttributeValue], refused: list[AttributeValue]
    ) -> None:
        assert [value for value in admitted if not bounds.admits(value)] == []
        assert [value for value in refused if bounds.admits(value)] == []

    @given(BOUNDS, VALUES)
    def test_a_further_demand_never_admits_more(
        self, bounds: Bounds, value: AttributeValue
    ) -> None:
        if bounds.admits(value):
            assert replace(bounds, gte=None).admits(value)
            assert replace(bounds, lte=None).admits(value)
            assert replace(bounds, members=None).admits(value)


class TestLeaves:
    @pytest.mark.parametrize(
        ("leaf", "walls", "holds"),
        [
            (InTenant(1), BARE, True),
            (InTenant(2), BARE, False),
            (NotDeleted(), BARE, True),
            (NotDeleted(), replace(BARE, deleted=True), False),
            (CreatedBy("user:a"), BARE, True),
            (CreatedBy("user:A"), BARE, False),
            (Overlaps("collection_grantees", frozenset({"x", "everyone"})), BARE, True),
            (Overlaps("collection_grantees", frozenset({"user:b"})), BARE, False),
            (Overlaps("collection_editors", frozenset({"user:b"})), BARE, True),
            (Overlaps("collection_editors", frozenset({"user:c"})), BARE, False),
            (Overlaps("collection_owners", frozenset({"user:c"})), BARE, True),
            (Overlaps("collection_owners", frozenset({"everyone"})), BARE, False),
            (Overlaps("collection_owners", frozenset()), BARE, False),
            (Overlaps("rule_principals", frozenset({"everyone"})), BARE, False),
            (Unruled(), BARE, True),
            (Unruled(), replace(BARE, rule_principals=frozenset()), False),
            (FulfilsConditions({}), BARE, True),
            (FulfilsConditions({}), replace(BARE, conditions={}), True),
            (FulfilsConditions({}), replace(BARE, conditions={"level": Bounds()}), False),
            (FulfilsConditions({"level": 1}), replace(BARE, conditions={"level": Bounds()}), True),
            (
                FulfilsConditions({"level": 1, "other": 5}),
                replace(BARE, conditions={"level": Bounds(gte=1), "grade": Bounds(gte=1)}),
                False,
            ),
        ],
    )
    def test_hold_as_their_words_say(self, leaf: AccessFilter, walls: Walls, holds: object) -> None:
        assert evaluate(leaf, walls) is holds

    @given(WALLS, SETS, SETS, st.sampled_from(FIELDS))
    def test_more_names_never_see_less(
        self, walls: Walls, names: frozenset[str], more: frozenset[str], field: SetField
    ) -> None:
        if evaluate(Overlaps(field, names), walls):
            assert evaluate(Overlaps(field, names | more), walls)

    @given(WALLS, ATTRIBUTES, st.sampled_from(["clearance", "department"]), BOUNDS)
    def test_a_further_condition_never_lets_more_through(
        self,
        walls: Walls,
        attributes: dict[str, AttributeValue],
        name: str,
        bounds: Bounds,
    ) -> None:
        asked = FulfilsConditions(attributes)
        stricter = replace(walls, conditions={name: bounds, **(walls.conditions or {})})
        if evaluate(asked, stricter):
            assert evaluate(asked, walls)

    @given(WALLS, SETS)
    def test_a_rule_without_names_is_fulfilled_by_nobody_and_an_absent_one_is_none(
        self, walls: Walls, names: frozenset[str]
    ) -> None:
        ruled = Overlaps("rule_principals", names)
        assert not evaluate(ruled, replace(walls, rule_principals=frozenset()))
        assert not evaluate(Unruled(), replace(walls, rule_principals=frozenset()))
        assert not evaluate(ruled, replace(walls, rule_principals=None))
        assert evaluate(Unruled(), replace(walls, rule_principals=None))


class TestTrees:
    @given(WALLS)
    def test_without_parts_all_hold_and_none_does(self, walls: Walls) -> None:
        assert evaluate(AllOf(()), walls)
        assert not evaluate(AnyOf(()), walls)

    @settings(max_examples=40)
    @given(st.lists(TREES, max_size=3).map(tuple), WALLS)
    def test_join_what_their_parts_say(self, parts: tuple[AccessFilter, ...], walls: Walls) -> None:
        said = [evaluate(part, walls) for part in parts]
        assert evaluate(AllOf(parts), walls) is (False not in said)
        assert evaluate(AnyOf(parts), walls) is (True in said)

    @settings(max_examples=40)
    @given(TREES, WALLS)
    def test_a_wall_around_a_tree_is_never_passed_by_what_is_in_it(
        self, tree: AccessFilter, walls: Walls
    ) -> None:
        other_tenant = AllOf((InTenant(walls.tenant_id + 1), tree))
        gone = replace(walls, deleted=True)
        assert not evaluate(other_tenant, walls)
        assert not evaluate(AllOf((tree, NotDeleted())), gone)
