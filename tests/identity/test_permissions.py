import re

import pytest

from muniment.identity.permissions import DEFAULT_ROLES, EVERYBODY, Permission, permissions_of

CONTENT = {Permission.ANSWERS_ASK, Permission.DOCUMENTS_READ, Permission.SEARCH_QUERY}


class TestPermission:
    def test_follows_the_grammar_and_is_named_by_its_value(self) -> None:
        for permission in Permission:
            assert re.fullmatch(r"[a-z]+(-[a-z]+)*:[a-z]+", permission.value)
            assert permission.name == re.sub("[:-]", "_", permission.value).upper()

    def test_stands_in_the_order_of_the_alphabet(self) -> None:
        assert [permission.name for permission in Permission] == sorted(Permission.__members__)

    def test_says_what_it_opens(self) -> None:
        assert all(permission.description.endswith(".") for permission in Permission)
        assert len({permission.description for permission in Permission}) == len(Permission)

    def test_is_its_value(self) -> None:
        assert Permission("answers:ask") is Permission.ANSWERS_ASK
        assert str(Permission.ANSWERS_ASK) == "answers:ask"


class TestRoles:
    def test_are_the_three_of_the_contract(self) -> None:
        assert set(DEFAULT_ROLES) == {"member", "admin", "auditor"}

    def test_of_an_admin_read_no_content(self) -> None:
        assert DEFAULT_ROLES["admin"].isdisjoint(CONTENT)

    def test_of_an_auditor_read_the_audit_alone(self) -> None:
        assert DEFAULT_ROLES["auditor"] == {Permission.AUDIT_READ, Permission.PROFILE_WRITE}

    @pytest.mark.parametrize("role", ["member", "admin", "auditor"])
    def test_do_not_imply_each_other(self, role: str) -> None:
        others = [DEFAULT_ROLES[other] for other in DEFAULT_ROLES if other != role]

        assert not any(other <= DEFAULT_ROLES[role] for other in others if role != "admin")
        assert not any(DEFAULT_ROLES[role] < other for other in others if role != "auditor")

    def test_together_cover_every_permission(self) -> None:
        assert EVERYBODY.union(*DEFAULT_ROLES.values()) == set(Permission)


class TestPermissionsOf:
    def test_add_up(self) -> None:
        both = permissions_of({"member", "admin"}, DEFAULT_ROLES)

        assert both == EVERYBODY | DEFAULT_ROLES["member"] | DEFAULT_ROLES["admin"]

    @pytest.mark.parametrize("roles", [set(), {"owner"}, {"MEMBER"}])
    def test_of_no_known_role_are_those_of_everybody(self, roles: set[str]) -> None:
        assert permissions_of(roles, DEFAULT_ROLES) == {Permission.PROFILE_READ}
