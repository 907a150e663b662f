import re
from uuid import UUID, uuid4

from muniment.identity.permissions import DEFAULT_ROLES
from muniment.identity.principal import Principal
from muniment.library.access_rules import AccessRule
from muniment.library.policy import access_filter
from muniment.library.schemas.collections import GrantWrite
from muniment.library.schemas.documents import AccessBody
from muniment.ports.access import Walls, evaluate
from tests.docs.pages import code_blocks, read

GUIDE = read("docs/guides/access.md")
BODY = re.compile(r"--json '(.+)'")
TOKEN = re.compile(r"muniment token --user (\w+) --role \w+ --group (\S+) --attr clearance=(\d)")
OUTCOME = re.compile(r"^\| (\w+) \| (yes|no) \|", re.MULTILINE)
TENANT = 1
ALICE = UUID(int=1)


def principal(name: str, user_id: UUID, group: str | None = None, clearance: int = 0) -> Principal:
    return Principal(
        user_id=user_id,
        tenant_id=TENANT,
        tenant="default",
        issuer="urn:muniment:local",
        subject=name,
        roles=frozenset({"member"}),
        groups=frozenset({group} if group else ()),
        attributes={"clearance": clearance},
        permissions=DEFAULT_ROLES["member"],
    )


def callers() -> dict[str, Principal]:
    found = {"alice": principal("alice", ALICE)}
    for name, group, clearance in TOKEN.findall(GUIDE):
        found[name] = principal(name, uuid4(), group, int(clearance))
    return found


def walls() -> Walls:
    """The walls of the document after the two requests of the guide."""
    _made, grant, access, _default = (
        body for block in code_blocks(GUIDE, "sh") for body in BODY.findall(block)
    )
    given = GrantWrite.model_validate_json(grant)
    rule = AccessBody.model_validate_json(access).rule
    assert given.role == "reader"
    assert rule is not None
    owner = frozenset({f"user:{ALICE}"})
    return Walls(
        tenant_id=TENANT,
        creator=f"user:{ALICE}",
        collection_grantees=owner | {given.principal},
        collection_editors=owner,
        collection_owners=owner,
        rule_principals=rule.principals(),
        conditions=rule.conditions(),
    )


class TestTheGuide:
    def test_every_variable_is_set_before_it_is_used(self) -> None:
        set_by_now: set[str] = set()
        for line in "\n".join(code_blocks(GUIDE, "sh")).splitlines():
            assert set(re.findall(r"\$([A-Z]+)", line)) <= set_by_now, line
            set_by_now |= set(re.findall(r"^([A-Z]+)=", line))
        assert "ETAG" in set_by_now

    def test_explains_access_in_the_name_of_who_may_edit(self) -> None:
        assert "explain-access --as alice " in GUIDE

    def test_each_caller_sees_what_the_table_says(self) -> None:
        known, document = callers(), walls()
        seen = {
            name: "yes" if evaluate(access_filter(known[name.lower()]), document) else "no"
            for name, _ in OUTCOME.findall(GUIDE)
        }
        assert seen == dict(OUTCOME.findall(GUIDE))
        assert set(seen.values()) == {"yes", "no"}

    def test_the_example_of_a_rule_is_one(self) -> None:
        [rule] = code_blocks(GUIDE, "json")
        assert AccessRule.model_validate_json(rule).conditions()
