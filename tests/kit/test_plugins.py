import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from muniment.kit.errors import ConfigurationError
from muniment.kit.plugins import (
    NoSettings,
    PluginFactory,
    PluginGroup,
    list_plugins,
    load_plugin,
)
from muniment.ports.embedding import EMBEDDERS

BELLS: PluginGroup[str] = PluginGroup("test.bells", table="bells")

MODULE = """
from tests.kit.test_plugins import BELL as PLUGIN
NOT_A_FACTORY = "ding"
"""
ENTRY_POINTS = """
[test.bells]
bronze = bells_for_tests:PLUGIN
plain = bells_for_tests:NOT_A_FACTORY
absent = bells_for_tests:NO_SUCH_NAME
glass = bells_of_glass:PLUGIN
twice = bells_for_tests:PLUGIN
"""


class BellSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    strokes: int = Field(default=1, ge=1)


BELL = PluginFactory(BellSettings, lambda settings: "ding" * settings.strokes)


def install(folder: Path, name: str, entry_points: str) -> None:
    package = folder / f"{name}-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(entry_points)


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "bells_for_tests.py").write_text(MODULE)
    (tmp_path / "bells_of_glass.py").write_text("import glassworks_that_nobody_has\n")
    install(tmp_path, "bells", ENTRY_POINTS)
    install(tmp_path, "rivals", "[test.bells]\ntwice = bells_of_glass:PLUGIN\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("bells_for_tests", None)


def refusal(name: str, settings: Mapping[str, object]) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load_plugin(BELLS, name, settings)
    return caught.value


class TestListPlugins:
    def test_names_without_importing(self) -> None:
        assert list_plugins(BELLS) == ("absent", "bronze", "glass", "plain", "twice")
        assert "bells_for_tests" not in sys.modules

    def test_built_in_embedders_come_by_the_same_door(self) -> None:
        assert {"hashing", "minilm"} <= set(list_plugins(EMBEDDERS))


class TestLoadPlugin:
    def test_makes_the_product_from_checked_settings(self) -> None:
        assert load_plugin(BELLS, "bronze", {"strokes": 2}) == "dingding"

    def test_an_unknown_name_is_answered_with_the_known_ones(self) -> None:
        error = refusal("wooden", {})
        assert "'wooden'" in error.detail
        assert "bronze" in str(error.hint)

    def test_an_unknown_setting_is_named(self) -> None:
        error = refusal("bronze", {"loudness": 3})
        assert error.detail == "The setting bells.bronze.loudness does not exist."
        assert error.hint == "Known settings: strokes."

    def test_a_wrong_value_is_named_but_never_shown(self) -> None:
        error = refusal("bronze", {"strokes": "s3cret"})
        assert error.detail.startswith("The setting bells.bronze.strokes cannot be accepted: ")
        assert "s3cret" not in error.detail

    def test_a_missing_package_is_answered_with_the_extra(self) -> None:
        error = refusal("glass", {})
        assert "'glassworks_that_nobody_has'" in error.detail
        assert "muniment[glass]" in str(error.hint)

    @pytest.mark.parametrize("name", ["plain", "absent", "twice"])
    def test_a_broken_entry_point_is_named(self, name: str) -> None:
        assert f"'{name}'" in refusal(name, {}).detail

    async def test_loads_a_built_in_embedder(self) -> None:
        embedder = load_plugin(EMBEDDERS, "hashing", {"dimension": 16})
        assert embedder.identity.dimension == 16
        await embedder.close()

    def test_settings_of_a_plugin_without_any_refuse_every_key(self) -> None:
        bare = PluginFactory(NoSettings, lambda _: "ding")
        assert bare.create(bare.settings_model()) == "ding"
        with pytest.raises(ValueError, match="extra"):
            NoSettings.model_validate({"strokes": 1})
