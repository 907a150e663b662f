"""Settings from where people keep them: environment over secret files over TOML over defaults.

pydantic-settings reads and merges; every fault is reported at once, with the name of the setting,
the place it came from and what to do. The values themselves are never repeated.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

from muniment.kit.errors import ConfigurationError
from muniment.kit.settings_schema import (
    DELIMITER,
    ENV_PREFIX,
    SettingPath,
    find_item_model,
    find_model,
)
from muniment.kit.settings_sources import CommandLine, Environment, SecretFiles, TomlFile

Source = CommandLine | Environment | SecretFiles | TomlFile


class RootSettings(BaseSettings):
    """All settings of a process; made by `load_settings`, or in tests from arguments alone."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        case_sensitive=True,
        env_prefix=ENV_PREFIX.lower(),
        env_nested_delimiter=DELIMITER,
    )

    @override
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing from the surroundings unasked: `load_settings` brings its own sources."""
        return (init_settings,)


RootT = TypeVar("RootT", bound=RootSettings)


def load_settings(
    model: type[RootT],
    *,
    environ: Mapping[str, str],
    config_file: Path | None = None,
    secrets_dir: Path | None = None,
    overrides: Mapping[str, JsonValue] | None = None,
) -> RootT:
    """Read the settings; a `ConfigurationError` says in one sentence each what is wrong.

    `overrides` are what the command line says, by dotted name; they beat everything.
    """
    sources: list[Source] = [CommandLine(model, overrides or {}), Environment(model, environ)]
    if secrets_dir is not None:
        sources.append(SecretFiles(model, secrets_dir))
    if config_file is not None:
        sources.append(TomlFile(model, config_file))
    try:
        return model(_build_sources=(tuple(sources), {}))
    except ValidationError as error:
        raise _explain(model, error, sources) from None


def _explain(
    model: type[BaseModel], error: ValidationError, sources: Sequence[Source]
) -> ConfigurationError:
    faults = list(_explain_faults(model, error, sources))
    more = "" if len(faults) == 1 else f" ({len(faults)} faults)"
    return ConfigurationError(
        f"The settings cannot be used{more}: " + " ".join(faults),
        hint="docs/reference/settings.md describes every setting.",
    )


def _explain_faults(
    model: type[BaseModel], error: ValidationError, sources: Sequence[Source]
) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        location = tuple(str(step) for step in fault["loc"])
        name = ".".join(location) or "the settings"
        place = _place_of(location, sources)
        came = f" (from {place})" if place else ""
        if fault["type"] == "extra_forbidden":
            yield f"{name}{came} is not a setting{_suggest(model, location)}."
        elif fault["type"] == "missing":
            yield f"{name} is required and not set."
        else:
            yield f"{name}{came}: {fault['msg'].removeprefix('Value error, ').rstrip('.')}."


def _place_of(path: SettingPath, sources: Sequence[Source]) -> str | None:
    for source in sources:
        if _sets_value(source(), path):
            return source.place_of(path)
    return None


def _sets_value(tree: Mapping[str, object], path: SettingPath) -> bool:
    """Tell whether a source gives the value there, or a list around it.

    A table may come from many sources together, so none of them is to blame for it.
    """
    value: object = tree
    for step in path:
        if not isinstance(value, Mapping):
            return True
        if step not in value:
            return False
        value = value[step]
    return not isinstance(value, Mapping)


def _suggest(model: type[BaseModel], location: SettingPath) -> str:
    table: type[BaseModel] | None = model
    for step in location[:-1]:
        if table is None:
            break
        if not step.isdecimal() and step in table.model_fields:
            annotation = table.model_fields[step].annotation
            table = find_model(annotation) or find_item_model(annotation)
    known = list(table.model_fields) if table else []
    close = get_close_matches(location[-1], known, n=1)
    return f", did you mean {close[0]}" if close else ""
