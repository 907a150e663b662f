import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr

from muniment.kit.errors import ConfigurationError
from muniment.kit.settings import RootSettings, load_settings


class Store(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr | None = Field(default=None, description="Where.")
    size: int = Field(default=0, description="How many.")
    kind: str = Field(default="default", description="How.")
    weight: int = Field(default=0, description="How heavy.")


SETTINGS = ("depth", "store.size", "store.weight")
SOURCES = ("file", "secret", "environ", "line")
"""The weakest first; each gives its number to the settings that it sets."""


class Root(RootSettings):
    store: Store = Store()
    words: tuple[str, ...] = Field(default=(), description="Words.")
    depth: int = Field(default=0, ge=0, description="How deep.")


def load(
    environ: Mapping[str, str] | None = None,
    *,
    file: Path | None = None,
    secrets: Path | None = None,
    overrides: Mapping[str, JsonValue] | None = None,
) -> Root:
    return load_settings(
        Root, environ=environ or {}, config_file=file, secrets_dir=secrets, overrides=overrides
    )


def refusal(
    environ: Mapping[str, str] | None = None,
    *,
    file: Path | None = None,
    secrets: Path | None = None,
    overrides: Mapping[str, JsonValue] | None = None,
) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(environ, file=file, secrets=secrets, overrides=overrides)
    return caught.value.detail


class TestPrecedence:
    @example(dict.fromkeys(SETTINGS, frozenset(SOURCES)))
    @given(st.fixed_dictionaries(dict.fromkeys(SETTINGS, st.frozensets(st.sampled_from(SOURCES)))))
    @hypothesis_settings(max_examples=20)
    def test_each_setting_comes_from_the_first_source_that_has_it(
        self, given_by: Mapping[str, frozenset[str]]
    ) -> None:
        def those_of(source: str) -> list[str]:
            return [name for name, sources in given_by.items() if source in sources]

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "m.toml").write_text("".join(f"{one} = 1\n" for one in those_of("file")))
            (folder / "secrets").mkdir()
            for one in those_of("secret"):
                (folder / "secrets" / one.replace(".", "__")).write_text("2\n")
            variables = [
                f"MUNIMENT_{one.replace('.', '__').upper()}" for one in those_of("environ")
            ]
            settings = load(
                dict.fromkeys(variables, "3"),
                file=folder / "m.toml",
                secrets=folder / "secrets",
                overrides=dict.fromkeys(those_of("line"), 4),
            )
        found = (settings.depth, settings.store.size, settings.store.weight)
        best = [max(map(SOURCES.index, given_by[one]), default=-1) + 1 for one in SETTINGS]
        assert list(found) == best


class TestCommandLine:
    def test_values_of_one_table_come_together(self) -> None:
        settings = load(overrides={"store.size": 1, "store.kind": "x", "depth": 2})
        assert (settings.store.size, settings.store.kind, settings.depth) == (1, "x", 2)

    def test_a_value_is_not_shown_when_it_is_refused(self) -> None:
        assert refusal(overrides={"store.size": "hunter2"}).startswith(
            "The settings cannot be used: store.size (from the command line): "
        )
        assert "hunter2" not in refusal(overrides={"store.size": "hunter2"})


class TestTomlFile:
    def test_a_pipe_is_refused_instead_of_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert "not a regular file" in refusal(file=tmp_path / "pipe")

    def test_a_link_to_a_file_is_followed_and_one_to_nothing_refused(self, tmp_path: Path) -> None:
        (tmp_path / "real.toml").write_text("depth = 1\n")
        (tmp_path / "link.toml").symlink_to("real.toml")
        (tmp_path / "loose.toml").symlink_to("nothing.toml")
        assert load(file=tmp_path / "link.toml").depth == 1
        assert "No such file" in refusal(file=tmp_path / "loose.toml")

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("depth = 1\ndepth = 2\n", "is not valid TOML"),
            ("dept = 1\n", "dept (from the file {file}) is not a setting, did you mean depth."),
            ("[store]\nsizes = 1\n", "store.sizes (from the file {file}) is not a setting,"),
            ("store = 1\n", "store (from the file {file}): "),
            ("depth = -1\n", "depth (from the file {file}): "),
            ("words = 'one'\n", "words (from the file {file}): "),
        ],
    )
    def test_a_fault_is_told_in_one_sentence(
        self, tmp_path: Path, text: str, sentence: str
    ) -> None:
        file = tmp_path / "m.toml"
        file.write_text(text, encoding="utf-8")
        assert sentence.format(file=file) in refusal(file=file)

    def test_an_empty_one_sets_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "m.toml").write_text("")
        assert load(file=tmp_path / "m.toml") == Root()


class TestEnvironment:
    @pytest.mark.parametrize(
        "variable", ["MUNIMENT_", "MUNIMENT__DEPTH", "MUNIMENT_STORE__", "MUNIMENT_DEPTH__"]
    )
    def test_half_a_name_is_none(self, variable: str) -> None:
        assert f"{variable} names no setting" in refusal({variable: "1"})

    def test_an_unknown_name_is_refused_even_when_it_is_empty(self) -> None:
        assert "MUNIMENT_DEPHT names no setting" in refusal({"MUNIMENT_DEPHT": ""})

    @pytest.mark.parametrize("variable", ["muniment_depth", "OTHER_MUNIMENT_DEPTH", "MUNIMENT"])
    def test_names_without_our_prefix_are_other_peoples(self, variable: str) -> None:
        assert load({variable: "7"}).depth == 0

    @pytest.mark.parametrize("text", ["a,b", "[1", '"a"', '{"a": 1}', "nul"])
    def test_a_list_is_json_or_refused_by_name(self, text: str) -> None:
        assert "words" in refusal({"MUNIMENT_WORDS": text})

    def test_a_whole_table_yields_to_its_single_settings_in_any_order(self) -> None:
        table, single = (
            ("MUNIMENT_STORE", '{"size": 1, "kind": "x"}'),
            ("MUNIMENT_STORE__SIZE", "2"),
        )
        for environ in (dict([table, single]), dict([single, table])):
            assert load(environ).store == Store(size=2, kind="x")


class TestSecretFiles:
    def test_a_mount_of_kubernetes_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "..2026_11_24").mkdir()
        (tmp_path / "..2026_11_24" / "store__url").write_text("from-the-mount")
        (tmp_path / "..data").symlink_to("..2026_11_24")
        (tmp_path / "store__url").symlink_to("..data/store__url")
        url = load(secrets=tmp_path).store.url
        assert url is not None
        assert url.get_secret_value() == "from-the-mount"

    @pytest.mark.parametrize("name", ["store__url", "STORE__URL", "muniment_store__url"])
    @pytest.mark.parametrize(
        ("content", "value"),
        [
            (b"secret", "secret"),
            (b"secret\r\n", "secret"),
            (b" two words \n", "two words"),
            ("pässwort 漢".encode(), "pässwort 漢"),
            (b"x" * 65_536, "x" * 65_536),
        ],
    )
    def test_white_space_around_a_secret_is_no_part_of_it(
        self, tmp_path: Path, name: str, content: bytes, value: str
    ) -> None:
        (tmp_path / name).write_bytes(content)
        url = load(secrets=tmp_path).store.url
        assert url is not None
        assert url.get_secret_value() == value

    def test_a_fault_names_the_file_and_not_the_secret(self, tmp_path: Path) -> None:
        (tmp_path / "store__size").write_text("hunter2")
        detail = refusal(secrets=tmp_path)
        assert f"store.size (from the secret file {tmp_path / 'store__size'}): " in detail
        assert "hunter2" not in detail

    def test_broken_json_names_the_file_and_not_the_secret(self, tmp_path: Path) -> None:
        (tmp_path / "words").write_text('["hunter2"')
        detail = refusal(secrets=tmp_path)
        assert f"words from the secret file {tmp_path / 'words'} is not valid JSON" in detail
        assert "hunter2" not in detail

    def test_a_folder_that_is_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        assert f"{tmp_path / 'file'} cannot be read" in refusal(secrets=tmp_path / "file")
