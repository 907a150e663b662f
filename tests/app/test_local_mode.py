import stat
from pathlib import Path

import pytest

from muniment.app.local_mode import (
    load_local_issuer,
    refuse_open_local_mode,
    refuse_tokens_of_ours,
)
from muniment.app.settings import Settings
from muniment.identity.issuers import TrustedIssuers
from muniment.identity.verifier import TokenVerifier
from muniment.kit.clock import SystemClock
from muniment.kit.errors import ConfigurationError


class TestLoadLocalIssuer:
    async def test_makes_its_key_once_and_closed_to_others(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path / "data")
        first = await load_local_issuer(settings, SystemClock())
        second = await load_local_issuer(settings, SystemClock())
        verifier = TokenVerifier(TrustedIssuers([second.trusted()]), SystemClock())
        assert (await verifier.verify(first.mint("alice"))).subject == "alice"
        for folder in (settings.data_dir, settings.data_dir / "keys"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    async def test_of_an_open_server_makes_nothing(self, tmp_path: Path) -> None:
        settings = Settings.model_validate(
            {"data_dir": tmp_path / "data", "server": {"host": "192.0.2.1"}}
        )
        with pytest.raises(ConfigurationError, match=r"server\.host is 192\.0\.2\.1"):
            await load_local_issuer(settings, SystemClock())
        assert not (tmp_path / "data").exists()

    async def test_of_a_folder_that_cannot_be_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ConfigurationError, match="cannot be made"):
            await load_local_issuer(Settings(data_dir=tmp_path / "file"), SystemClock())


class TestRefuseOpenLocalMode:
    @pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
    def test_lets_this_machine_in(self, host: str) -> None:
        refuse_open_local_mode(Settings.model_validate({"server": {"host": host}}))

    @pytest.mark.parametrize(
        "host",
        [
            *("0.0.0.0", "::", "", "10.0.0.1", "fe80::1", "::ffff:10.0.0.1", "localhost.evil.com"),  # noqa: S104 - what is refused
            *("127.0.0.1.evil.com", "127.1", "2130706433"),
        ],
    )
    def test_refuses_every_other_address(self, host: str) -> None:
        with pytest.raises(ConfigurationError, match="listens on the loopback only"):
            refuse_open_local_mode(Settings.model_validate({"server": {"host": host}}))

    def test_lets_everybody_call_where_a_provider_vouches_for_them(self) -> None:
        refuse_open_local_mode(with_provider({"server": {"host": "0.0.0.0"}}))  # noqa: S104 - what is allowed


class TestRefuseTokensOfOurs:
    def test_hands_them_out_in_local_mode(self) -> None:
        refuse_tokens_of_ours(Settings())

    def test_hands_out_none_that_no_request_could_use(self) -> None:
        with pytest.raises(ConfigurationError, match="local mode only"):
            refuse_tokens_of_ours(with_provider({}))


def with_provider(given: dict[str, object]) -> Settings:
    issuer = {
        "issuer": "https://id.example.com",
        "audience": "muniment-api",
        "clients": ["muniment-web"],
        "tenant": "acme",
    }
    return Settings.model_validate({**given, "identity": {"issuers": [issuer]}})
