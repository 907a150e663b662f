from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import pytest
from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, model_validator

from muniment.kit.durations import Duration
from muniment.kit.errors import ConfigurationError
from muniment.kit.settings import RootSettings, load_settings


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Store(Strict):
    url: SecretStr | None = Field(default=None, description="Where.")
    pool_size: int = Field(default=10, ge=1, description="How many.")
    kind: Literal["big", "small"] = Field(default="small", description="How.")
    wait: Duration | None = Field(default=None, description="How long.")

    @model_validator(mode="after")
    def _big_needs_url(self) -> Self:
        if self.kind == "big" and self.url is None:
            raise ValueError("a big store needs a url")
        return self


class Issuer(Strict):
    issuer: str = Field(description="Who.")
    tenants: Mapping[str, str] = Field(default_factory=dict, description="Whose.")


class Plugins(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field(default="x", description="Which.")


class Root(RootSettings):
    store: Store = Store()
    issuers: tuple[Issuer, ...] = Field(default=(), description="All.")
    routes: Mapping[str, tuple[str, ...]] = Field(default_factory=dict, description="Ways.")
    spare: Store | None = Field(default=None, description="Second.")
    options: Mapping[str, JsonValue] = Field(default_factory=dict, description="More.")
    plugins: Plugins = Plugins()
    size: int = Field(default=1, description="Size.")


def load(
    environ: Mapping[str, str] | None = None,
    config_file: Path | None = None,
    secrets_dir: Path | None = None,
) -> Root:
    return load_settings(
        Root, environ=environ or {}, config_file=config_file, secrets_dir=secrets_dir
    )


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    file = tmp_path / "muniment.toml"
    file.write_text(
        'size = 2\n[store]\npool_size = 20\nkind = "big"\nurl = "file"\n'
        '[[issuers]]\nissuer = "a"\ntenants = { acme = "acme" }\n'
    )
    return file


class TestOrder:
    def test_defaults_are_enough(self) -> None:
        assert load() == Root()

    def test_environment_over_secret_files_over_toml_over_defaults(
        self, toml: Path, tmp_path: Path
    ) -> None:
        secrets = tmp_path / "secrets"
        secrets.mkdir()
        (secrets / "store__url").write_text("from-secret\n")
        (secrets / "muniment_store__pool_size").write_text("30\n")
        environ = {"MUNIMENT_STORE__POOL_SIZE": "40", "PATH": "/bin"}
        settings = load(environ, config_file=toml, secrets_dir=secrets)
        assert settings.store.url is not None
        assert settings.store.url.get_secret_value() == "from-secret"
        assert settings.store.pool_size == 40
        assert settings.store.kind == "big"
        assert settings.size == 2

    def test_the_command_line_beats_all(self, toml: Path) -> None:
        settings = load_settings(
            Root,
            environ={"MUNIMENT_SIZE": "3"},
            config_file=toml,
            overrides={"size": 4, "store.pool_size": 5},
        )
        assert (settings.size, settings.store.pool_size) == (4, 5)

    def test_a_fault_on_the_command_line_is_traced_to_it(self) -> None:
        with pytest.raises(ConfigurationError, match=r"size \(from the command line\)"):
            load_settings(Root, environ={"MUNIMENT_SIZE": "3"}, overrides={"size": "x"})

    def test_an_empty_variable_is_not_set(self, toml: Path) -> None:
        assert load({"MUNIMENT_SIZE": ""}, config_file=toml).size == 2


class TestEnvironment:
    def test_lists_and_tables_are_json(self) -> None:
        settings = load(
            {
                "MUNIMENT_ISSUERS": '[{"issuer": "a", "tenants": {"x": "y"}}]',
                "MUNIMENT_ROUTES": '{"default": ["a/b"]}',
                "MUNIMENT_STORE": '{"kind": "small", "pool_size": 3}',
                "MUNIMENT_STORE__POOL_SIZE": "4",
            }
        )
        assert settings.issuers == (Issuer(issuer="a", tenants={"x": "y"}),)
        assert settings.routes == {"default": ("a/b",)}
        assert settings.store.pool_size == 4

    def test_names_reach_into_open_tables(self) -> None:
        settings = load(
            {
                "MUNIMENT_ROUTES__DEFAULT": '["a/b"]',
                "MUNIMENT_OPTIONS__DEPTH": "3",
                "MUNIMENT_OPTIONS__WORD": "plain",
                "MUNIMENT_PLUGINS__HASHING__DIMENSION": "64",
            }
        )
        assert settings.routes == {"default": ("a/b",)}
        assert settings.options == {"depth": 3, "word": "plain"}
        assert settings.plugins.model_extra == {"hashing": {"dimension": 64}}

    @pytest.mark.parametrize(
        ("variable", "guess"),
        [
            ("MUNIMENT_STORE__POOLSIZE", "MUNIMENT_STORE__POOL_SIZE"),
            ("MUNIMENT_STROE__URL", "MUNIMENT_STORE__URL"),
            ("MUNIMENT_PLUGINS__NMAE", "MUNIMENT_PLUGINS__NAME"),
        ],
    )
    def test_an_unknown_name_is_refused_with_a_guess(self, variable: str, guess: str) -> None:
        with pytest.raises(ConfigurationError, match=f"{variable} names no setting") as caught:
            load({variable: "x"})
        assert caught.value.hint == f"Did you mean {guess}?"

    def test_a_name_like_no_other_is_refused_without_a_guess(self) -> None:
        with pytest.raises(ConfigurationError) as caught:
            load({"MUNIMENT_XYZZY": "x"})
        assert "settings.md" in str(caught.value.hint)

    def test_broken_json_is_named_not_shown(self) -> None:
        with pytest.raises(ConfigurationError, match=r"issuers from the environment") as caught:
            load({"MUNIMENT_ISSUERS": "[hunter2"})
        assert "hunter2" not in caught.value.detail
        with pytest.raises(ConfigurationError, match=r"routes\.default from the environment"):
            load({"MUNIMENT_ROUTES__DEFAULT": "[hunter2"})

    def test_names_reach_into_a_table_that_may_be_absent(self) -> None:
        settings = load({"MUNIMENT_SPARE": '{"pool_size": 2}', "MUNIMENT_SPARE__URL": "x"})
        assert settings.spare is not None
        assert settings.spare.pool_size == 2
        assert settings.spare.url is not None

    @pytest.mark.parametrize(
        "variable", ["MUNIMENT_ISSUERS__0__ISSUER", "MUNIMENT_SIZE__X", "MUNIMENT_ROUTES__"]
    )
    def test_names_reach_into_nothing_but_tables(self, variable: str) -> None:
        with pytest.raises(ConfigurationError, match=f"{variable} names no setting"):
            load({variable: "x"})

    def test_nothing_is_read_from_the_surroundings_unasked(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MUNIMENT_SIZE", "3")
        assert Root().size == 1
        assert load().size == 1

    def test_variables_that_only_say_where_are_no_settings(self) -> None:
        assert load({"MUNIMENT_CONFIG": "x", "MUNIMENT_SECRETS_DIR": "y"}) == Root()


class TestFaults:
    def test_each_fault_names_the_setting_and_its_source_but_no_value(self, toml: Path) -> None:
        toml.write_text('size = "hunter2"\n[store]\nkind = "hunter2"\npoolsize = 1\n')
        with pytest.raises(ConfigurationError) as caught:
            load({"MUNIMENT_STORE__POOL_SIZE": "hunter2"}, config_file=toml)
        detail = caught.value.detail
        assert "(4 faults)" in detail
        assert f"size (from the file {toml})" in detail
        assert "store.pool_size (from the environment variable MUNIMENT_STORE__POOL_SIZE)" in detail
        assert "store.poolsize" in detail
        assert "did you mean pool_size" in detail
        assert "hunter2" not in detail

    def test_a_fault_in_a_list_is_traced_to_the_secret_file(self, tmp_path: Path) -> None:
        (tmp_path / "ISSUERS").write_text('[{"issuer": 1}]')
        with pytest.raises(ConfigurationError) as caught:
            load(secrets_dir=tmp_path)
        assert f"issuers.0.issuer (from the secret file {tmp_path / 'ISSUERS'})" in (
            caught.value.detail
        )

    def test_rules_between_settings_speak_plainly(self) -> None:
        with pytest.raises(ConfigurationError, match=r"store.*: a big store needs a url\."):
            load({"MUNIMENT_STORE__KIND": "big"})

    def test_what_is_missing_is_said(self) -> None:
        with pytest.raises(ConfigurationError, match=r"issuers\.0\.issuer is required"):
            load({"MUNIMENT_ISSUERS": "[{}]"})


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [(b"size = ", "is not valid TOML"), (b"\xff\xfe", "is not UTF-8")],
    )
    def test_an_unreadable_toml_file_is_named(
        self, tmp_path: Path, content: bytes, sentence: str
    ) -> None:
        file = tmp_path / "x.toml"
        file.write_bytes(content)
        with pytest.raises(ConfigurationError, match=sentence):
            load(config_file=file)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="cannot be read"):
            load(config_file=tmp_path / "none.toml")
        with pytest.raises(ConfigurationError, match="not a regular file"):
            load(config_file=tmp_path)
        with pytest.raises(ConfigurationError, match="folder of secrets"):
            load(secrets_dir=tmp_path / "none")

    def test_other_files_among_the_secrets_are_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "..data").mkdir()
        (tmp_path / ".hidden").write_text("x")
        (tmp_path / "tls.crt").write_text("x")
        (tmp_path / "keystore").write_bytes(b"\xff" * 70_000)
        (tmp_path / "more").mkdir()
        (tmp_path / "more" / "store__url").write_text("x")
        assert load(secrets_dir=tmp_path) == Root()

    @pytest.mark.parametrize("name", ["stroe__url", "muniment_xyzzy"])
    def test_a_secret_file_that_was_meant_for_us_is_refused(
        self, tmp_path: Path, name: str
    ) -> None:
        (tmp_path / name).write_text("x")
        with pytest.raises(ConfigurationError, match=f"{name} names no setting"):
            load(secrets_dir=tmp_path)

    @pytest.mark.parametrize(
        ("content", "sentence"), [(b"x" * 70_000, "larger than 64 KiB"), (b"\xff", "not UTF-8")]
    )
    def test_a_secret_that_is_no_text_is_refused(
        self, tmp_path: Path, content: bytes, sentence: str
    ) -> None:
        (tmp_path / "store__url").write_bytes(content)
        with pytest.raises(ConfigurationError, match=sentence):
            load(secrets_dir=tmp_path)
