from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from muniment.identity.assertions import attributes_of, groups_of, organisations_of, roles_of
from muniment.identity.issuers import Assertable, TrustedIssuer
from tests.support.fake_idp import AUDIENCE


def with_assertable(
    issuer: TrustedIssuer,
    *,
    roles: frozenset[str] = frozenset({"member", "admin"}),
    group_prefix: str = "/",
) -> TrustedIssuer:
    return replace(
        issuer,
        assertable=Assertable(
            roles=roles,
            groups_claim="groups",
            group_prefix=group_prefix,
            attributes={"department": "str", "clearance": "int"},
        ),
    )


class TestRoles:
    def test_come_from_our_own_client_alone(self, trusted: TrustedIssuer) -> None:
        claims = {
            "realm_access": {"roles": ["admin"]},
            "resource_access": {"account": {"roles": ["admin"]}, AUDIENCE: {"roles": ["member"]}},
            "roles": ["admin"],
            "groups": ["admin"],
        }

        assert roles_of(claims, with_assertable(trusted)) == {"member"}

    def test_are_only_those_that_the_issuer_may_assert(self, trusted: TrustedIssuer) -> None:
        claims = {"resource_access": {AUDIENCE: {"roles": ["member", "admin", "root"]}}}

        assert roles_of(claims, with_assertable(trusted, roles=frozenset({"member"}))) == {"member"}

    @pytest.mark.parametrize("role", ["Admin", "admin ", " admin", "admin\u200b", "ADMIN"])
    def test_match_to_the_letter(self, role: str, trusted: TrustedIssuer) -> None:
        claims = {"resource_access": {AUDIENCE: {"roles": [role]}}}

        assert roles_of(claims, with_assertable(trusted)) == set()

    @pytest.mark.parametrize(
        "claims",
        [{}, {"resource_access": {}}, {"resource_access": {AUDIENCE: {}}}],
    )
    def test_that_are_missing_are_none(
        self, claims: dict[str, object], trusted: TrustedIssuer
    ) -> None:
        with capture_logs() as logs:
            assert roles_of(claims, with_assertable(trusted)) == set()
        assert logs == []

    @pytest.mark.parametrize(
        "access",
        [
            "admin",
            ["admin"],
            None,
            {AUDIENCE: "admin"},
            {AUDIENCE: ["admin"]},
            {AUDIENCE: None},
            {AUDIENCE: {"roles": "admin"}},
            {AUDIENCE: {"roles": {"admin": True}}},
            {AUDIENCE: {"roles": ["admin", 1]}},
            {AUDIENCE: {"roles": [["admin"]]}},
        ],
    )
    def test_of_the_wrong_type_are_none_and_logged(
        self, access: object, trusted: TrustedIssuer
    ) -> None:
        with capture_logs() as logs:
            assert roles_of({"resource_access": access}, with_assertable(trusted)) == set()
        assert [(log["claim"], log["reason"]) for log in logs] == [
            ("resource_access", "wrong_type")
        ]


class TestGroups:
    def test_are_full_paths_at_or_below_the_prefix(self, trusted: TrustedIssuer) -> None:
        claims = {"groups": ["/eng", "/eng/search", "/engine", "/legal", "/"]}
        issuer = with_assertable(trusted, group_prefix="/eng")

        assert groups_of(claims, issuer) == {"/eng", "/eng/search"}

    def test_are_found_in_the_claim_of_the_issuer(self, trusted: TrustedIssuer) -> None:
        issuer = with_assertable(trusted)
        issuer = replace(issuer, assertable=replace(issuer.assertable, groups_claim="teams"))

        assert groups_of({"groups": ["/legal"], "teams": ["/eng"]}, issuer) == {"/eng"}

    @pytest.mark.parametrize(
        "path",
        ["eng", "/", "", "//eng", "/eng/", "/eng//a", "/e\x1fng", "/e\nng", "/" + "a" * 600],
    )
    def test_that_are_no_full_path_are_left_out_and_logged(
        self, path: str, trusted: TrustedIssuer
    ) -> None:
        with capture_logs() as logs:
            assert groups_of({"groups": ["/eng", path]}, with_assertable(trusted)) == {"/eng"}
        assert [log["reason"] for log in logs] == ["not_a_full_path"]

    @pytest.mark.parametrize("value", ["/eng", None, {"/eng": 1}, ["/eng", 1], [["/eng"]]])
    def test_of_the_wrong_type_are_none_and_logged(
        self, value: object, trusted: TrustedIssuer
    ) -> None:
        with capture_logs() as logs:
            assert groups_of({"groups": value}, with_assertable(trusted)) == set()
        assert [log["reason"] for log in logs] == ["wrong_type"]

    def test_that_are_missing_are_none(self, trusted: TrustedIssuer) -> None:
        assert groups_of({}, with_assertable(trusted)) == set()


class TestAttributes:
    def test_are_the_declared_ones_of_their_type(self, trusted: TrustedIssuer) -> None:
        claims = {"department": "hr", "clearance": 3, "salary": 1}

        assert attributes_of(claims, with_assertable(trusted)) == {
            "department": "hr",
            "clearance": 3,
        }

    def test_that_are_missing_are_missing(self, trusted: TrustedIssuer) -> None:
        with capture_logs() as logs:
            assert attributes_of({}, with_assertable(trusted)) == {}
        assert logs == []

    @pytest.mark.parametrize("value", ["9", 9.0, True, None, [9], {"v": 9}, 2**53, -(2**53)])
    def test_int_of_another_type_is_missing_and_logged(
        self, value: object, trusted: TrustedIssuer
    ) -> None:
        with capture_logs() as logs:
            assert attributes_of({"clearance": value}, with_assertable(trusted)) == {}
        assert [(log["claim"], log["reason"]) for log in logs] == [("clearance", "wrong_type")]

    @pytest.mark.parametrize("value", [9, True, None, ["hr"], "", "h\x00r", "h\x1fr", "x" * 256])
    def test_str_of_another_type_is_missing_and_logged(
        self, value: object, trusted: TrustedIssuer
    ) -> None:
        with capture_logs() as logs:
            assert attributes_of({"department": value}, with_assertable(trusted)) == {}
        assert [(log["claim"], log["reason"]) for log in logs] == [("department", "wrong_type")]

    def test_keep_zero_and_negative_numbers(self, trusted: TrustedIssuer) -> None:
        for number in (0, -1):
            attributes = attributes_of({"clearance": number}, with_assertable(trusted))
            assert attributes == {"clearance": number}


class TestOrganisations:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (["acme"], {"acme"}),
            (["acme", "beta"], {"acme", "beta"}),
            ([], set()),
            ("acme", {"acme"}),
            ({"acme": {"id": "42"}}, {"acme"}),
        ],
    )
    def test_are_read_in_every_form_of_the_claim(
        self, value: object, expected: set[str], trusted: TrustedIssuer
    ) -> None:
        assert organisations_of({"organization": value}, trusted) == expected

    @pytest.mark.parametrize("value", [None, 1, ["acme", 1], [["acme"]]])
    def test_of_the_wrong_type_are_none_and_logged(
        self, value: object, trusted: TrustedIssuer
    ) -> None:
        with capture_logs() as logs:
            assert organisations_of({"organization": value}, trusted) == set()
        assert [log["claim"] for log in logs] == ["organization"]

    def test_that_are_missing_are_none(self, trusted: TrustedIssuer) -> None:
        assert organisations_of({}, trusted) == set()
