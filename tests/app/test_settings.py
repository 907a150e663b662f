from pathlib import Path

import pytest

from muniment.app.server_settings import ServerSettings
from muniment.app.settings import Settings, read_settings
from muniment.kit.errors import ConfigurationError
from muniment.kit.settings_schema import list_fields


class TestSettings:
    def test_every_setting_is_described_in_a_sentence(self) -> None:
        bare = [field.name for field in list_fields(Settings) if not field.meaning.endswith(".")]
        assert bare == []

    def test_no_two_settings_share_a_variable(self) -> None:
        names = [field.variable for field in list_fields(Settings)]
        assert len(names) == len(set(names))

    def test_the_names_of_the_contract_are_there(self) -> None:
        names = {field.name for field in list_fields(Settings)}
        assert {
            "data_dir",
            "server.public_url",
            "server.trusted_proxies",
            "database.url",
            "database.owner_url",
            "database.worker_url",
            "identity.rights_max_age",
            "identity.refresh_grace",
            "identity.issuers[].service_accounts",
            "identity.attributes",
            "identity.web.client_secret",
            "llm.providers[].base_url",
            "llm.routes",
            "embedding.space",
            "vectors.store",
        } <= names

    def test_local_mode_is_the_absence_of_issuers(self) -> None:
        assert Settings().is_local_mode

    def test_a_table_of_a_plugin_is_kept_for_it(self) -> None:
        settings = Settings.model_validate({"vectors": {"pgvector": {"lists": 100}}})
        assert settings.vectors.plugin_settings("pgvector") == {"lists": 100}
        assert settings.vectors.plugin_settings("other") == {}

    def test_a_misspelt_setting_beside_plugins_is_refused(self) -> None:
        with pytest.raises(ValueError, match="spcae is not a setting"):
            Settings.model_validate({"embedding": {"spcae": "minilm"}})

    @pytest.mark.parametrize(
        ("routes", "sentence"),
        [({"default": ["main"]}, "names no provider"), ({"default": ["x/y"]}, "names no provider")],
    )
    def test_routes_name_providers(self, routes: dict[str, list[str]], sentence: str) -> None:
        provider = {"name": "main", "base_url": "http://127.0.0.1:1/v1"}
        with pytest.raises(ValueError, match=sentence):
            Settings.model_validate({"llm": {"providers": [provider], "routes": routes}})
        with pytest.raises(ValueError, match="more than once"):
            Settings.model_validate({"llm": {"providers": [provider, provider]}})


class TestReadSettings:
    def test_the_file_in_the_data_folder_is_found(self, tmp_path: Path) -> None:
        (tmp_path / "muniment.toml").write_text("[server]\nport = 9001\n")
        environ = {"MUNIMENT_DATA_DIR": str(tmp_path)}
        assert read_settings(environ).server.port == 9001
        assert read_settings({}, overrides={"data_dir": str(tmp_path)}).server.port == 9001

    def test_a_named_file_comes_first(self, tmp_path: Path) -> None:
        (tmp_path / "muniment.toml").write_text("[server]\nport = 9001\n")
        other = tmp_path / "other.toml"
        other.write_text("[server]\nport = 9002\n")
        environ = {"MUNIMENT_DATA_DIR": str(tmp_path), "MUNIMENT_CONFIG": str(other)}
        assert read_settings(environ).server.port == 9002

    def test_a_named_file_must_exist(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="cannot be read"):
            read_settings({"MUNIMENT_CONFIG": str(tmp_path / "none.toml")})

    def test_a_home_is_found_wherever_the_folder_is_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "muniment.toml").write_text("[server]\nport = 9001\n")
        from_environ = read_settings({"MUNIMENT_DATA_DIR": "~/data"})
        assert (from_environ.data_dir, from_environ.server.port) == (tmp_path / "data", 9001)
        file = tmp_path / "other.toml"
        file.write_text('data_dir = "~/data"\n')
        assert read_settings({"MUNIMENT_CONFIG": "~/other.toml"}).data_dir == tmp_path / "data"

    def test_a_folder_is_the_same_from_every_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        settings = read_settings({"MUNIMENT_DATA_DIR": "data"})
        assert settings.data_dir == tmp_path / "data"

    @pytest.mark.parametrize(
        "variable", ["MUNIMENT_DATA_DIR", "MUNIMENT_CONFIG", "MUNIMENT_SECRETS_DIR"]
    )
    def test_the_home_of_nobody_is_told(self, variable: str) -> None:
        with pytest.raises(ConfigurationError, match=f"{variable} .*no such home directory"):
            read_settings({variable: "~nobody-has-this-name/x"})

    def test_a_named_folder_without_a_file_is_enough(self, tmp_path: Path) -> None:
        (tmp_path / "muniment.toml").mkdir()
        settings = read_settings({}, overrides={"data_dir": str(tmp_path)})
        assert settings == Settings(data_dir=tmp_path)

    def test_secrets_never_show(self, tmp_path: Path) -> None:
        (tmp_path / "database__url").write_text("postgresql://app:hunter2@db/x")
        settings = read_settings({"MUNIMENT_SECRETS_DIR": str(tmp_path)})
        assert settings.database.url is not None
        assert "hunter2" not in repr(settings)
        assert "hunter2" not in settings.model_dump_json()


class TestServerSettings:
    @pytest.mark.parametrize(
        ("given", "address"),
        [
            ({}, "http://127.0.0.1:8000"),
            ({"host": "::1", "port": 1}, "http://[::1]:1"),
            ({"public_url": "https://ask.example.com"}, "https://ask.example.com"),
        ],
    )
    def test_links_are_made_from_the_public_address(
        self, given: dict[str, object], address: str
    ) -> None:
        assert ServerSettings.model_validate(given).base_url == address

    @pytest.mark.parametrize(
        "address",
        [
            "https://h:99999",
            "https://[::1",
            "https://:443",
            "https://u:p@h.example",
            "ask.example.com",
            "ftp://ask.example.com",
            "https://",
            "https://ask.example.com/",
            "https://ask.example.com/path",
            "https://ask.example.com?x",
            "https://ask.example.com#x",
        ],
    )
    def test_a_public_address_has_a_scheme_and_no_path(self, address: str) -> None:
        with pytest.raises(ValueError, match="public_url"):
            ServerSettings(public_url=address)

    @pytest.mark.parametrize("port", [-1, 65_536, "http"])
    def test_a_port_is_a_port(self, port: object) -> None:
        with pytest.raises(ValueError, match="port"):
            ServerSettings.model_validate({"port": port})

    @pytest.mark.parametrize("network", ["10.0.0.1/8", "proxy.internal", "10.0.0.0/33"])
    def test_a_trusted_network_is_written_exactly(self, network: str) -> None:
        with pytest.raises(ValueError, match="trusted_proxies"):
            ServerSettings.model_validate({"trusted_proxies": [network]})
        good = ServerSettings.model_validate({"trusted_proxies": ["10.0.0.0/8", "::1"]})
        assert [str(one) for one in good.trusted_proxies] == ["10.0.0.0/8", "::1/128"]

    @pytest.mark.parametrize(
        ("host", "loopback"),
        [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("h", False)],  # noqa: S104 - the case that must be told apart
    )
    def test_knows_the_loopback(self, host: str, loopback: bool) -> None:  # noqa: FBT001 - a case
        assert ServerSettings(host=host).is_loopback is loopback
