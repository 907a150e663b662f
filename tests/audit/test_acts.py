import pytest
from pydantic import ValidationError

from muniment.audit.acts import Action, Actor, Details, name_of, principal_in_trail

ISSUER = "https://id.example/realms/one"


class TestAction:
    def test_every_one_is_described_in_one_sentence(self) -> None:
        assert all(action.description.endswith(".") for action in Action)

    def test_stand_in_the_order_of_the_alphabet(self) -> None:
        assert list(Action) == sorted(Action)


class TestActor:
    @pytest.mark.parametrize(
        ("address", "name"),
        [
            (None, "anonymous"),
            ("203.0.113.77", "anonymous 203.0.113.0/24"),
            ("2001:db8:1:2:3:4:5:6", "anonymous 2001:db8:1:2::/64"),
        ],
    )
    def test_of_whom_nothing_is_known_is_named_by_the_network(
        self, address: str | None, name: str
    ) -> None:
        assert Actor.anonymous(address) == Actor(name)


class TestNames:
    def test_tell_the_issuer_and_not_the_subject(self) -> None:
        name = name_of(ISSUER, "kingfisher")
        assert name.startswith(f"{ISSUER}|")
        assert "kingfisher" not in name
        assert name != name_of(ISSUER, "heron")

    def test_of_one_subject_at_two_issuers_differ_in_their_hash_too(self) -> None:
        one, two = (name_of(issuer, "kingfisher").partition("|")[2] for issuer in (ISSUER, "x"))
        assert one != two

    @pytest.mark.parametrize(
        "principal", ["everyone", "role:auditor", "group:/eng|odd", "user:01981f2e-5c6a-7d1f"]
    )
    def test_of_principals_stay_where_no_subject_is_in_them(self, principal: str) -> None:
        assert principal_in_trail(principal) == principal

    def test_of_users_who_never_signed_in_lose_their_subject(self) -> None:
        expected = f"user:{name_of(ISSUER, 'king|fisher')}"
        assert principal_in_trail(f"user:{ISSUER}|king|fisher") == expected


class TestDetails:
    def test_are_a_closed_list(self) -> None:
        with pytest.raises(ValidationError):
            Details.model_validate({"title": "Plans of the heron"})
