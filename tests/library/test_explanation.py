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
        ("grant", True, "as everyone"),
        ("any_of", True, "is group:/hr"),
        ("condition clearance", False, "clearance must be at least 3; it is 2"),
        (
            "condition department",
            False,
            "department must be one of 'hr', 'legal'; the user lacks it",
        ),
    ]
