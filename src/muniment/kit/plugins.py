"""Plug-ins: found by entry point, configured by their own settings model, made by a factory.

Built-in adapters and those of other people come in by the same door. An entry point of a group
(say `muniment.embedders`) names a `PluginFactory`; its module is imported only when asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from muniment.kit.errors import ConfigurationError

ProductT = TypeVar("ProductT")
SettingsT = TypeVar("SettingsT", bound=BaseModel)


class NoSettings(BaseModel):
    """The settings of a plug-in that has none: every key is refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# No slots on these two: with them, frozen and generic, Python 3.11 cannot make `PluginGroup[X](…)`.
@dataclass(frozen=True)
class PluginFactory(Generic[SettingsT, ProductT]):
    """What an entry point names: the settings that a plug-in takes and how to make it from them."""

    settings_model: type[SettingsT]
    create: Callable[[SettingsT], ProductT]


@dataclass(frozen=True)
class PluginGroup(Generic[ProductT]):
    """An entry-point group whose plug-ins all make the same kind of object."""

    name: str
    table: str
    """The table of the settings under which each plug-in has its own, as a person writes it."""


def list_plugins(group: PluginGroup[ProductT]) -> tuple[str, ...]:
    """Name the installed plug-ins of a group, without importing any of them."""
    return tuple(sorted({entry.name for entry in entry_points(group=group.name)}))


def load_plugin(
    group: PluginGroup[ProductT], name: str, raw_settings: Mapping[str, object]
) -> ProductT:
    """Find a plug-in, check its settings and make it. Raises ConfigurationError."""
    entry = _find(group, name)
    factory = _import(group, entry)
    try:
        settings = factory.settings_model.model_validate(dict(raw_settings))
    except ValidationError as error:
        raise ConfigurationError(
            _first_fault(error, f"{group.table}.{name}"),
            hint=f"Known settings: {_known(factory.settings_model)}.",
        ) from error
    return factory.create(settings)


def _find(group: PluginGroup[ProductT], name: str) -> EntryPoint:
    found = entry_points(group=group.name, name=name)
    if not found:
        installed = ", ".join(list_plugins(group)) or "none"
        raise ConfigurationError(
            f"No plug-in named '{name}' is installed for {group.table}.",
            hint=f"Installed: {installed}.",
        )
    if len(found) > 1:
        rivals = ", ".join(sorted(entry.value for entry in found))
        raise ConfigurationError(
            f"Several installed packages offer a plug-in '{name}' for {group.table}: {rivals}.",
            hint="Uninstall all but one of them.",
        )
    return next(iter(found))


def _import(group: PluginGroup[ProductT], entry: EntryPoint) -> PluginFactory[BaseModel, ProductT]:
    try:
        loaded: object = entry.load()
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"The plug-in '{entry.name}' for {group.table} needs the package "
            f"'{error.name}', which is not installed.",
            hint=f"Install the extra that brings it: pip install 'muniment[{entry.name}]'.",
        ) from error
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"The plug-in '{entry.name}' for {group.table} cannot be imported from "
            f"'{entry.value}': {error}.",
        ) from error
    if not isinstance(loaded, PluginFactory):
        raise ConfigurationError(
            f"The entry point '{entry.value}' of the plug-in '{entry.name}' is not a plug-in "
            "factory.",
            hint="It must name a muniment.kit.plugins.PluginFactory.",
        )
    return loaded


def _first_fault(error: ValidationError, table: str) -> str:
    """Say the first of the faults: one sentence that can be acted on beats a list."""
    fault = error.errors(include_url=False, include_input=False)[0]
    setting = ".".join([table, *(str(step) for step in fault["loc"])])
    if fault["type"] == "extra_forbidden":
        return f"The setting {setting} does not exist."
    return f"The setting {setting} cannot be accepted: {fault['msg']}."


def _known(settings_model: type[BaseModel]) -> str:
    return ", ".join(settings_model.model_fields) or "none"
