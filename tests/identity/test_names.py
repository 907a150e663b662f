import pytest
from pydantic import TypeAdapter, ValidationError

from muniment.identity.names import (
    MAX_ISSUER_LENGTH,
    MAX_NAME_LENGTH,
    MAX_SUBJECT_LENGTH,
    PrincipalName,
    covering_groups,
    is_at_or_below,
    principal_name,
    user_name,
    valid_group_prefix,
)

USER_ID = "0192f4c4-7d3a-7a41-8f52-0a4d3c1b2e9f"
ISSUER = "https://sso.example.com/realms/muniment"


class TestPrincipalName:
    @pytest.mark.parametrize(
        "name",
        [
            "everyone",
            f"user:{USER_ID}",
            f"user:{ISSUER}|alice",
            f"user:{ISSUER}|a|b",
            "user:urn:muniment:local|Jörg Müller",
            "group:/eng",
            "group:/eng/search team",
            "role:auditor",
            "role:Power User",
        ],
    )
    def test_in_its_one_spelling_stays_as_it_is(self, name: str) -> None:
        assert principal_name(name) == name

    def test_with_an_id_in_capitals_is_written_in_small_letters(self) -> None:
        assert principal_name(f"user:{USER_ID.upper()}") == f"user:{USER_ID}"

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "Everyone",
            "everyone:",
            "anybody",
            "user:",
            "user:alice",
            f"user:{{{USER_ID}}}",
            f"user:{USER_ID.replace('-', '')}",
            f"user:urn:uuid:{USER_ID}",
            f"user:|{USER_ID}",
            f"user:{ISSUER}|",
            f"user:{ISSUER}| ",
            f"user:{ISSUER}|{'a' * 256}",
            "user:https://a b|alice",
            "group:",
            "group:/",
            "group:eng",
            "group:/eng/",
            "group://eng",
            "group:/eng//search",
            "group:/" + "/".join("a" * 33),
            "role:",
            "role: admin",
            "role:admin ",
            f"role:{'r' * 129}",
            "team:/eng",
            "group:/eng\x1frole:admin",
            "role:a\nb",
            "role:a\x00",
            "group:/a\u2028b",
            "group:/a\ud800",
            "group:/" + "g" * 506,
            "x" * 513,
        ],
    )
    def test_outside_the_grammar_is_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match=r"^(a|an|write|name) "):
            principal_name(name)

    def test_is_a_type_for_bodies(self) -> None:
        adapter = TypeAdapter(PrincipalName)

        assert adapter.validate_python(f"user:{USER_ID.upper()}") == f"user:{USER_ID}"
        assert adapter.json_schema()["maxLength"] == MAX_NAME_LENGTH
        with pytest.raises(ValidationError, match="full path"):
            adapter.validate_python("group:eng")

    def test_of_the_longest_issuer_and_subject_fits(self) -> None:
        name = user_name("https://" + "i" * (MAX_ISSUER_LENGTH - 8), "s" * MAX_SUBJECT_LENGTH)

        assert len(name) == MAX_NAME_LENGTH
        assert principal_name(name) == name


class TestGroups:
    @pytest.mark.parametrize(
        ("path", "prefix", "expected"),
        [
            ("/eng/search", "/", ["/eng/search", "/eng"]),
            ("/eng/search/a", "/eng", ["/eng/search/a", "/eng/search", "/eng"]),
            ("/eng", "/eng", ["/eng"]),
            ("/eng", "/eng/search", []),
            ("/engine", "/eng", []),
        ],
    )
    def test_cover_up_to_the_prefix(self, path: str, prefix: str, expected: list[str]) -> None:
        assert list(covering_groups(path, prefix)) == expected

    @pytest.mark.parametrize(
        ("path", "prefix", "below"),
        [
            ("/eng/search", "/eng", True),
            ("/eng", "/eng", True),
            ("/engine", "/eng", False),
            ("/", "/eng", False),
            ("/anything", "/", True),
        ],
    )
    def test_stand_below_a_prefix_at_a_slash_only(
        self,
        path: str,
        prefix: str,
        below: bool,  # noqa: FBT001 - the expected outcome
    ) -> None:
        assert is_at_or_below(path, prefix) is below

    def test_prefix_is_a_path_or_the_root(self) -> None:
        assert [valid_group_prefix(text) for text in ("/", "/eng")] == ["/", "/eng"]
        with pytest.raises(ValueError, match="full path"):
            valid_group_prefix("/eng/")
