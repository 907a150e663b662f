import pytest
from pydantic import JsonValue, ValidationError

from muniment.profiles.schemas import ProfileUpdate, UserCreate, UserFilter, UserUpdate


def read(field: str, value: JsonValue) -> object:
    """Read a body with one field as it comes in; give the field as it is kept."""
    return getattr(ProfileUpdate.model_validate({field: value}), field)


def refused(field: str, value: JsonValue) -> str:
    with pytest.raises(ValidationError) as caught:
        ProfileUpdate.model_validate({field: value})
    return caught.value.errors()[0]["type"]


class TestDisplayName:
    @pytest.mark.parametrize(
        ("given_", "kept"),
        [
            ("Ada", "Ada"),
            ("  Ada \t", "Ada"),
            ("漢" * 200, "漢" * 200),
            (" " * 50 + "x" * 200 + " " * 50, "x" * 200),
            ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
            ("O'Neil & <b>", "O'Neil & <b>"),
            (None, None),
        ],
    )
    def test_is_kept_without_the_space_around_it(
        self, given_: str | None, kept: str | None
    ) -> None:
        assert read("display_name", given_) == kept

    @pytest.mark.parametrize(
        "value", ["", " \t\n", "x" * 201, "a\tb", "a\x7fb", "a\x85b", "a\u2028b", 7, True, ["a"]]
    )
    def test_is_one_line_of_text(self, value: JsonValue) -> None:
        assert refused("display_name", value)


class TestLocale:
    @pytest.mark.parametrize("value", ["de", "de-AT", "zh-Hant-TW", "sr-Latn-RS-x1", "qaa", None])
    def test_has_the_shape_of_a_language_tag(self, value: str | None) -> None:
        assert read("locale", value) == value

    @pytest.mark.parametrize(
        "value",
        ["", "d", "de-", "-de", "de_AT", "de--AT", "de-AT\n", "dé", "abcdefghi", "de-" + "a-" * 17],
    )
    def test_has_no_other(self, value: str) -> None:
        assert refused("locale", value)


class TestTimeZone:
    @pytest.mark.parametrize("value", ["Europe/Vienna", "UTC", "America/Argentina/Ushuaia", None])
    def test_is_one_of_the_database(self, value: str | None) -> None:
        assert read("time_zone", value) == value

    @pytest.mark.parametrize(
        "value",
        ["europe/vienna", "Europe/Vienna ", "", ".", "/etc/passwd", "Europe", "x" * 65, "a\0b"],
    )
    def test_is_no_path(self, value: str) -> None:
        assert refused("time_zone", value)


class TestPreferences:
    @pytest.mark.parametrize(
        "value", [True, False, 0, 1, -(2**53) + 1, 2**53 - 1, "", "dark", "x" * 1000, None]
    )
    def test_values_keep_their_kind(self, value: JsonValue) -> None:
        kept = read("preferences", {"a.B_c-1": value})
        assert isinstance(kept, dict)
        assert kept == {"a.B_c-1": value}
        assert type(kept["a.B_c-1"]) is type(value)

    @pytest.mark.parametrize(
        "value", [0.5, 1.0, 2**53, -(2**53), "x" * 1001, "a\nb", [], {}, ["a"], {"a": 1}]
    )
    def test_values_are_simple(self, value: JsonValue) -> None:
        assert refused("preferences", {"a": value})

    @pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65, "a/b", "a\n", "__proto__\0"])
    def test_names_are_plain(self, name: str) -> None:
        assert refused("preferences", {name: 1})

    def test_a_patch_may_name_more_than_are_kept_but_not_endlessly_many(self) -> None:
        assert (
            len(ProfileUpdate(preferences=dict.fromkeys(map(str, range(256)))).preferences) == 256
        )
        assert refused("preferences", dict.fromkeys(map(str, range(257)))) == "too_long"


class TestProfileUpdate:
    def test_what_is_absent_is_told_from_what_is_null(self) -> None:
        absent = ProfileUpdate.model_validate_json("{}")
        null = ProfileUpdate.model_validate_json('{"display_name": null}')
        assert absent.model_dump(exclude_unset=True) == {}
        assert null.model_dump(exclude_unset=True) == {"display_name": None}


class TestUserBodies:
    @pytest.mark.parametrize("status", ["erased", "Active", "", None, 1])
    def test_a_status_is_one_of_two_words(self, status: JsonValue) -> None:
        for model in (UserUpdate, UserFilter):
            if status is None and model is UserFilter:
                continue
            with pytest.raises(ValidationError):
                model.model_validate({"status": status})

    @pytest.mark.parametrize(
        ("issuer", "subject"),
        [
            ("https://a b", "x"),
            ("", "x"),
            ("https://a", ""),
            ("https://a", " "),
            ("https://a", "a\x1fb"),
            ("x" * 252, "x"),
        ],
    )
    def test_a_user_is_named_as_a_token_could_name_one(self, issuer: str, subject: str) -> None:
        with pytest.raises(ValidationError):
            UserCreate(issuer=issuer, subject=subject)

    @pytest.mark.parametrize("text", ["", "x" * 201, "a\0b", "a\nb"])
    def test_a_search_is_one_short_line(self, text: str) -> None:
        with pytest.raises(ValidationError):
            UserFilter(q=text)
        assert UserFilter(q="x" * 200).q == "x" * 200
