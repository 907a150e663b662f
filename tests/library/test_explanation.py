from dataclasses import replace
from uuid import UUID

from hypothesis import given

from muniment.identity.principal import Principal
from muniment.library.access_rules import AccessRule
from muniment.library.explanation import explain_access
from muniment.library.policy import access_filter
from muniment.ports.access import evaluate
from tests.library.test_access_property import CALLER, GRANTS, PAPER, Paper, walls_of

CREATOR, OTHER = UUID(int=1), UUID(int=9)


@given(paper=PAPER, grants=GRANTS, caller=CALLER)
def test_the_verdict_is_that_of_the_oracle(
    paper: Paper, grants: dict[str, str], caller: Principal
) -> None:
    walls = walls_of(paper, grants)
    assert explain_access(caller, walls).may_read is evaluate(access_filter(caller), walls)


@given(paper=PAPER, grants=GRANTS, caller=CALLER)
def test_what_no_token_was_seen_for_is_left_open_or_right(
    paper: Paper, grants: dict[str, str], caller: Principal
) -> None:
    """Whatever the user comes with: a verdict that was given without a token stays true."""
    walls = walls_of(paper, grants)
    bare = replace(caller, roles=frozenset(), groups=frozenset(), attributes={})
    told = explain_access(bare, walls, knows_token=False)
    assert told.may_read in (None, evaluate(access_filter(caller), walls))


@given(paper=PAPER, grants=GRANTS, caller=CALLER)
def test_the_verdict_follows_from_the_parts(
    paper: Paper, grants: dict[str, str], caller: Principal
) -> None:
    explained = explain_access(caller, walls_of(paper, grants))
    held: dict[str, bool] = {}
    for reason in explained.reasons:
        assert reason.holds is not None
        held[reason.part] = held.get(reason.part, True) and reason.holds
    basic, free = ("tenant", "not deleted"), ("creator", "owner")
    rest = [holds for part, holds in held.items() if part not in (*basic, *free)]
    follows = all(held[part] for part in basic) and (any(held[part] for part in free) or all(rest))
    assert explained.may_read is follows


def test_what_only_a_token_says_is_told_as_unknown() -> None:
    rule = AccessRule.model_validate({"all": [{"attribute": "clearance", "gte": 3}]})
    paper = Paper(1, CREATOR, rule, deleted=False)
    explained = explain_access(BARE, walls_of(paper, {"group:/eng": "reader"}), knows_token=False)
    assert explained.may_read is None
    assert [(reason.part, reason.holds) for reason in explained.reasons if not reason.holds] == [
        ("creator", False),
        ("owner", False),
        ("grant", None),
        ("condition clearance", None),
    ]
    closed = explain_access(BARE, walls_of(paper, {}), knows_token=False)
    assert closed.may_read is False


BARE = Principal(
    user_id=OTHER,
    tenant_id=1,
    tenant="acme",
    issuer="https://issuer",
    subject="bob",
    roles=frozenset(),
    groups=frozenset(),
    attributes={},
    permissions=frozenset(),
)


def test_each_part_says_what_it_found() -> None:
    rule = AccessRule.model_validate(
        {
            "any_of": ["group:/hr"],
            "all": [
                {"attribute": "clearance", "gte": 3},
                {"attribute": "department", "in": ["hr", "legal"]},
            ],
        }
    )
    caller = Principal(
        user_id=OTHER,
        tenant_id=1,
        tenant="acme",
        issuer="https://issuer",
        subject="bob",
        roles=frozenset(),
        groups=frozenset({"/hr/search"}),
        attributes={"clearance": 2},
        permissions=frozenset(),
    )
    walls = walls_of(Paper(1, CREATOR, rule, deleted=False), {"everyone": "reader"})
    explained = explain_access(caller, walls)
    assert not explained.may_read
    assert [(reason.part, reason.holds, reason.detail) for reason in explained.reasons] == [
        ("tenant", True, "acts in acme"),
        ("not deleted", True, "it is there"),
        ("creator", False, "somebody else added it"),
        ("owner", False, "does not own the collection"),
        ("grant", True, "as everyone, which is reader"),
        ("any_of", True, "is group:/hr"),
        ("condition clearance", False, "clearance must be at least 3; it is 2"),
        (
            "condition department",
            False,
            "department must be one of 'hr', 'legal'; the user lacks it",
        ),
    ]
