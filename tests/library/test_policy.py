"""What the policy does not know opens no wall."""

from typing import cast

import pytest

from muniment.library.policy import granted_collections, predicate
from muniment.ports.access import (
    AccessFilter,
    AllOf,
    AnyOf,
    InTenant,
    Overlaps,
    SetField,
    Walls,
    evaluate,
)

UNKNOWN = cast(AccessFilter, object())
WALLS = Walls(1, "user:x", frozenset(), frozenset(), frozenset())


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
