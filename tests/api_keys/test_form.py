import hashlib
import re

import pytest

from muniment.api_keys.form import hash_of, is_well_formed, make_key

BODY = "mun_" + "a" * 43


class TestMakeKey:
    def test_makes_what_scanners_can_find(self) -> None:
        made = make_key()
        secret = made.secret.get_secret_value()
        assert re.fullmatch(r"mun_[0-9A-Za-z]{49}", secret)
        assert secret.startswith(made.prefix)
        assert len(made.prefix) == 12
        assert made.secret_hash == hashlib.sha256(secret.encode()).digest()
        assert is_well_formed(secret)

    def test_makes_another_one_each_time(self) -> None:
        assert len({make_key().secret_hash for _ in range(100)}) == 100

    def test_does_not_show_the_secret_by_accident(self) -> None:
        made = make_key()
        assert made.secret.get_secret_value() not in repr(made)

    def test_uses_every_letter_and_digit(self) -> None:
        """43 of 62 are 256 bits only if all of them come up."""
        bodies = "".join(make_key().secret.get_secret_value()[4:47] for _ in range(200))
        assert len(set(bodies)) == 62


class TestIsWellFormed:
    @pytest.mark.parametrize("place", [4, 20, 46, 47, 52])
    def test_finds_a_single_wrong_letter(self, place: int) -> None:
        secret = make_key().secret.get_secret_value()
        wrong = "b" if secret[place] == "a" else "a"
        assert not is_well_formed(secret[:place] + wrong + secret[place + 1 :])

    @pytest.mark.parametrize(
        "text",
        ["", "mun_", BODY, BODY + "000000", f"{BODY}0000000", "mun_" + "é" * 49, "x" * 100_000],
    )
    def test_refuses_what_is_no_key(self, text: str) -> None:
        assert not is_well_formed(text)

    @pytest.mark.parametrize("form", ["{}\n", " {}", "{} ", "{}\0", "xmun_{}"])
    def test_refuses_anything_around_it(self, form: str) -> None:
        assert not is_well_formed(form.format(make_key().secret.get_secret_value()))

    def test_writes_the_checksum_in_the_same_way_for_ever(self) -> None:
        """Scanners of others check it too."""
        assert is_well_formed(BODY + "10wjN3")


class TestHashOf:
    def test_is_of_all_of_the_key(self) -> None:
        assert hash_of("abc").hex().startswith("ba7816bf")
