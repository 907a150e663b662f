"""Settings from where people keep them: environment over secret files over TOML over defaults.

Values are merged as one tree and checked at once, so that every fault is reported with the name
of the setting, the place it came from and what to do; the values themselves are never repeated.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from muniment.kit.errors import ConfigurationError
from muniment.kit.settings_schema import (
    ENV_PREFIX,
    find_item_model,
    find_model,
    is_plain,
    list_fields,
    strip_optional,
)

RESERVED_VARIABLES = frozenset({"MUNIMENT_CONFIG", "MUNIMENT_SECRETS_DIR"})
"""Variables that say where settings are, and are none themselves."""

_MAX_SECRET_BYTES = 65_536
_CLOSE_ENOUGH = 0.8

ModelT = TypeVar("ModelT", bound=BaseModel)
SettingPath = tuple[str, ...]


@dataclass(slots=True)
class _Tree:
    """Values merged so far, and where each of them came from."""

    values: dict[str, object] = field(default_factory=dict)
    origins: dict[SettingPath, str] = field(default_factory=dict)

    def set(self, path: SettingPath, value: object, origin: str) -> None:
        if isinstance(value, Mapping) and value:
            for name, item in value.items():
                self.set((*path, str(name)), item, origin)
            return
        table = self.values
        for name in path[:-1]:
            inner = table.get(name)
            if not isinstance(inner, dict):
                inner = {}
                table[name] = inner
            table = inner
        table[path[-1]] = value
        self.origins[path] = origin

    def origin_of(self, path: SettingPath) -> str | None:
        known = [path[:length] for length in range(len(path), 0, -1)]
        return next((self.origins[part] for part in known if part in self.origins), None)


def load_settings(
    model: type[ModelT],
    *,
    environ: Mapping[str, str],
    config_file: Path | None = None,
    secrets_dir: Path | None = None,
    overrides: Mapping[str, JsonValue] | None = None,
) -> ModelT:
    """Read the settings; a `ConfigurationError` says in one sentence each what is wrong.

    `overrides` are what the command line says, by dotted name; they beat everything.
    """
    tree = _Tree()
    if config_file is not None:
        for name, value in _read_toml(config_file).items():
            tree.set((name,), value, f"the file {config_file}")
    if secrets_dir is not None:
        _read_secrets(model, secrets_dir, tree)
    _read_environment(model, environ, tree)
    for name, value in (overrides or {}).items():
        tree.set(tuple(name.split(".")), value, "the command line")
    try:
        return model.model_validate(tree.values)
    except ValidationError as error:
        raise _explain(model, error, tree) from None


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"The settings file {file} cannot be read: {error.strerror}.",
            hint="Check --config and MUNIMENT_CONFIG, and who may read the file.",
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"The settings file {file} is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"The settings file {file} is not valid TOML: {error}.") from None


def _read_secrets(model: type[BaseModel], folder: Path, tree: _Tree) -> None:
    for file in _list_secret_files(folder):
        bare = file.name.lower().removeprefix(ENV_PREFIX.lower())
        variable = ENV_PREFIX + bare.upper()
        found = _resolve(model, variable)
        if found is not None:
            path, annotation = found
            origin = f"the secret file {file}"
            tree.set(path, _parse(_read_secret(file), annotation, path, origin), origin)
            continue
        guess = _guess_variable(model, variable)
        if guess is not None or file.name.lower().startswith(ENV_PREFIX.lower()):
            raise ConfigurationError(
                f"The secret file {file} names no setting.",
                hint=guess and f"Did you mean {guess.removeprefix(ENV_PREFIX).lower()}?",
            )


def _list_secret_files(folder: Path) -> Sequence[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise ConfigurationError(
            f"The folder of secrets {folder} cannot be read: {error.strerror}.",
            hint="Check MUNIMENT_SECRETS_DIR.",
        ) from None
    return [entry for entry in entries if entry.is_file() and not entry.name.startswith(".")]


def _read_secret(file: Path) -> str:
    try:
        content = file.read_bytes()[: _MAX_SECRET_BYTES + 1]
        if len(content) > _MAX_SECRET_BYTES:
            raise ConfigurationError(f"The secret file {file} is larger than 64 KiB.")
        return content.decode().strip()
    except OSError as error:
        raise ConfigurationError(
            f"The secret file {file} cannot be read: {error.strerror}."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"The secret file {file} is not UTF-8 text.") from None


def _read_environment(model: type[BaseModel], environ: Mapping[str, str], tree: _Tree) -> None:
    # Short names first, so that MUNIMENT_DATABASE (a table as JSON) yields to …DATABASE__URL.
    for variable in sorted(environ):
        if not variable.startswith(ENV_PREFIX) or variable in RESERVED_VARIABLES:
            continue
        found = _resolve(model, variable)
        if found is None:
            guess = _guess_variable(model, variable)
            raise ConfigurationError(
                f"The environment variable {variable} names no setting.",
                hint=f"Did you mean {guess}?" if guess else "docs/reference/settings.md has all.",
            )
        path, annotation = found
        text = environ[variable]
        if text:
            origin = f"the environment variable {variable}"
            tree.set(path, _parse(text, annotation, path, origin), origin)


def _resolve(model: type[BaseModel], variable: str) -> tuple[SettingPath, object] | None:
    path = tuple(variable.removeprefix(ENV_PREFIX).lower().split("__"))
    annotation: object = model
    for position, step in enumerate(path, start=1):
        inner = _step_into(annotation, step, is_last=position == len(path))
        if inner is None:
            return None
        annotation = inner
    return path, annotation


def _step_into(annotation: object, step: str, *, is_last: bool) -> object | None:
    """Give the annotation of one name inside a table, or nothing if there is no such name."""
    table = find_model(annotation)
    if table is None:
        return (find_item_model(annotation) or object) if step and _is_table(annotation) else None
    if step in table.model_fields:
        return table.model_fields[step].annotation
    takes_plugins = table.model_config.get("extra") == "allow" and not is_last
    return dict[str, JsonValue] if takes_plugins else None


def _is_table(annotation: object) -> bool:
    bare = strip_optional(annotation)
    origin = getattr(bare, "__origin__", bare)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _parse(text: str, annotation: object, path: SettingPath, origin: str) -> object:
    if is_plain(annotation):
        return text
    try:
        return json.loads(text)
    except ValueError:
        if annotation is object:
            return text
        raise ConfigurationError(
            f"The setting {'.'.join(path)} from {origin} is not valid JSON.",
            hint='Lists and tables are written as JSON there, for example ["a", "b"].',
        ) from None


def _guess_variable(model: type[BaseModel], variable: str) -> str | None:
    known = [setting.variable for setting in list_fields(model) if "[]" not in setting.name]
    return next(iter(get_close_matches(variable, known, n=1, cutoff=_CLOSE_ENOUGH)), None)


def _explain(model: type[BaseModel], error: ValidationError, tree: _Tree) -> ConfigurationError:
    faults = list(_explain_faults(model, error, tree))
    more = "" if len(faults) == 1 else f" ({len(faults)} faults)"
    return ConfigurationError(
        f"The settings cannot be used{more}: " + " ".join(faults),
        hint="docs/reference/settings.md describes every setting.",
    )


def _explain_faults(model: type[BaseModel], error: ValidationError, tree: _Tree) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        location = tuple(str(step) for step in fault["loc"])
        name = ".".join(location) or "the settings"
        origin = tree.origin_of(location)
        came = f" (from {origin})" if origin else ""
        if fault["type"] == "extra_forbidden":
            yield f"{name}{came} is not a setting{_suggest(model, location)}."
        elif fault["type"] == "missing":
            yield f"{name} is required and not set."
        else:
            yield f"{name}{came}: {fault['msg'].removeprefix('Value error, ').rstrip('.')}."


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
    return f", did you mean {close[0]}?".rstrip("?") if close else ""
