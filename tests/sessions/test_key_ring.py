"""What is sealed opens in its place alone, and as long as its key is in the ring."""

import stat
from base64 import b64encode
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from muniment.app.settings import read_settings
from muniment.identity.settings import IdentitySettings
from muniment.kit.errors import ConfigurationError
from muniment.sessions.key_ring import KEY_FILE, KeyRing, SealBrokenError

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = "row.access"


class TestKeyRing:
    def test_opens_what_it_sealed(self) -> None:
        ring = KeyRing([NEW])
        assert ring.open(ring.seal("tökens", PLACE), PLACE) == "tökens"

    def test_seals_differently_each_time_and_shows_nothing(self) -> None:
        ring = KeyRing([NEW])
        one, other = ring.seal("secret", PLACE), ring.seal("secret", PLACE)
        assert one != other
        assert b"secret" not in one

    @pytest.mark.parametrize("place", ["row.refresh", "other.access", ""])
    def test_opens_in_no_other_place(self, place: str) -> None:
        ring = KeyRing([NEW])
        with pytest.raises(SealBrokenError):
            ring.open(ring.seal("secret", PLACE), place)

    def test_opens_with_an_old_key_and_seals_with_the_newest(self) -> None:
        before, turned, after = KeyRing([OLD]), KeyRing([NEW, OLD]), KeyRing([NEW])
        assert turned.open(before.seal("secret", PLACE), PLACE) == "secret"
        assert after.open(turned.seal("secret", PLACE), PLACE) == "secret"
        with pytest.raises(SealBrokenError):
            after.open(before.seal("secret", PLACE), PLACE)

    def test_notices_every_changed_byte(self) -> None:
        ring = KeyRing([NEW])
        sealed = ring.seal("secret", PLACE)
        for at in range(len(sealed)):
            changed = bytes([*sealed[:at], sealed[at] ^ 1, *sealed[at + 1 :]])
            with pytest.raises(SealBrokenError):
                ring.open(changed, PLACE)

    @pytest.mark.parametrize("length", [0, 1, 9, 12, 20, 21, 30])
    def test_refuses_what_is_cut_off(self, length: int) -> None:
        ring = KeyRing([NEW])
        with pytest.raises(SealBrokenError):
            ring.open(ring.seal("secret", PLACE)[:length], PLACE)

    def test_needs_a_key(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            KeyRing([])


class TestKeysOfTheSettings:
    def test_are_read_newest_first(self) -> None:
        texts = [b64encode(key).decode() for key in (NEW, OLD)]
        settings = IdentitySettings.model_validate({"session_keys": texts})
        ring = KeyRing.from_secrets(settings.session_keys)
        assert KeyRing([NEW]).open(ring.seal("secret", PLACE), PLACE) == "secret"
        assert texts[0] not in repr(settings)

    @pytest.mark.parametrize("key", ["", "changeme", b64encode(b"x" * 31).decode(), "ü" * 44])
    def test_are_refused_if_they_are_none_and_not_repeated_back(self, key: str) -> None:
        with pytest.raises(ConfigurationError, match="openssl rand") as refused:
            read_settings({}, overrides={"identity": {"session_keys": [key]}})
        assert not key or key not in str(refused.value)

    def test_are_refused_twice(self) -> None:
        text = b64encode(NEW).decode()
        with pytest.raises(ValidationError, match="there twice"):
            IdentitySettings.model_validate({"session_keys": [text, text]})


class TestKeyOfTheMachine:
    def test_is_made_once_for_its_owner_alone(self, tmp_path: Path) -> None:
        sealed = KeyRing.load_or_create(tmp_path).seal("secret", PLACE)
        assert KeyRing.load_or_create(tmp_path).open(sealed, PLACE) == "secret"
        assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600

    def test_is_refused_if_others_can_read_it(self, tmp_path: Path) -> None:
        KeyRing.load_or_create(tmp_path)
        (tmp_path / KEY_FILE).chmod(0o644)
        with pytest.raises(ConfigurationError, match="by others"):
            KeyRing.load_or_create(tmp_path)

    @pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe"])
    def test_is_refused_if_it_is_none(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / KEY_FILE).write_bytes(content)
        (tmp_path / KEY_FILE).chmod(0o600)
        with pytest.raises(ConfigurationError, match="does not hold a key"):
            KeyRing.load_or_create(tmp_path)

    def test_is_another_one_on_another_machine(self, tmp_path: Path) -> None:
        sealed = KeyRing.load_or_create(tmp_path / "a").seal("secret", PLACE)
        with pytest.raises(SealBrokenError):
            KeyRing.load_or_create(tmp_path / "b").open(sealed, PLACE)


def test_a_secret_that_is_no_key_is_not_told() -> None:
    with pytest.raises(ValueError, match="32 random bytes") as refused:
        KeyRing.from_secrets([SecretStr("hunter2")])
    assert "hunter2" not in str(refused.value)
