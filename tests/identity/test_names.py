import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from muniment.identity.names import (
    MAX_ISSUER_LENGTH,
    MAX_NAME_LENGTH,
    MAX_SUBJECT_LENGTH,
    PrincipalName,
    covering_groups,
    is_at_or_below,
    is_plain,
    principal_name,
    user_name,
    valid_group,
    valid_group_prefix,
    valid_subject,
)
from muniment.postgres.unit_of_work import Scope

USER_ID = "0192f4c4-7d3a-7a41-8f52-0a4d3c1b2e9f"
ISSUER = "https://sso.example.com/realms/muniment"
PATHS = st.lists(st.sampled_from(["a", "b", "ab"]), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


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

    @given(st.text(max_size=30) | st.text("/:|user groprl\x1f", max_size=30))
    def test_is_refused_or_has_one_spelling_that_is_one_name(self, text: str) -> None:
        try:
            name = principal_name(text)
        except ValueError:
            return
        assert principal_name(name) == name
        assert name.lower() == text.lower()
        assert Scope(1, frozenset({name})).principals == {name}


class TestSubject:
    @pytest.mark.parametrize("text", ["a", "a" * 255, "Jörg Müller", "山田", "a|b", "\U0001f600"])
    def test_may_be_any_printable_text(self, text: str) -> None:
        assert valid_subject(text) == text

    @pytest.mark.parametrize(
        "text",
        ["", " ", "a" * 256, "a\n", "a\x1fb", "\x85", "a\u200eb", "\ud800", "a\u2028", "\u00a0"],
    )
    def test_may_not_look_like_another(self, text: str) -> None:
        with pytest.raises(ValueError, match="1 to 255 printable"):
            valid_subject(text)


class TestIsPlain:
    @pytest.mark.parametrize(
        "sign", ["\0", "\n", "\x1f", "\x7f", "\x9f", "\u2028", "\u2029", "\udfff"]
    )
    def test_one_unsafe_character_anywhere_is_enough(self, sign: str) -> None:
        assert not is_plain(sign, 3)
        assert not is_plain(f"a{sign}", 3)
        assert not is_plain(f"{sign}a", 3)

    def test_counts_characters_and_wants_one(self) -> None:
        assert is_plain("漢" * 3, 3)
        assert not is_plain("漢" * 4, 3)
        assert not is_plain("", 3)


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

    @given(PATHS, PATHS | st.just("/"))
    def test_cover_exactly_the_ancestors_that_are_at_or_below_the_prefix(
        self, path: str, prefix: str
    ) -> None:
        parts = path.split("/")
        ancestors = ["/".join(parts[:end]) for end in range(len(parts), 1, -1)]
        expected = [one for one in ancestors if is_at_or_below(one, prefix)]
        assert list(covering_groups(path, prefix)) == expected
        for one in expected:
            assert valid_group(one) == one

    @pytest.mark.parametrize("depth", [1, 32])
    def test_may_be_as_deep_as_the_limit(self, depth: int) -> None:
        path = "/a" * depth
        assert len(list(covering_groups(valid_group(path), "/"))) == depth

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
