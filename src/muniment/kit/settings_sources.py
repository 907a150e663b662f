"""The four places where settings stand, as sources of pydantic-settings that know their names.

What is ours: the environment is handed in, a name that is no setting is refused, and each source
tells in words where a value came from.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from errno import EINVAL
from pathlib import Path
from stat import S_ISREG
from types import MappingProxyType

from pydantic import JsonValue
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NestedSecretsSettingsSource,
    SecretsSettingsSource,
    SettingsError,
    TomlConfigSettingsSource,
)
from typing_extensions import override

from muniment.kit.errors import ConfigurationError
from muniment.kit.settings_schema import (
    DELIMITER,
    ENV_PREFIX,
    SettingPath,
    find_field,
    find_setting,
    list_fields,
)

RESERVED_VARIABLES = frozenset({"MUNIMENT_CONFIG", "MUNIMENT_SECRETS_DIR"})
"""Variables that say where settings are, and are none themselves."""

MAX_SECRET_LENGTH = 65_536
_CLOSE_ENOUGH = 0.8


class CommandLine(InitSettingsSource):
    """What the command line says, by dotted name."""

    def __init__(self, model: type[BaseSettings], overrides: Mapping[str, JsonValue]) -> None:
        tree: dict[str, JsonValue] = {}
        for name, value in overrides.items():
            *tables, last = name.split(".")
            table = tree
            for step in tables:
                inner = table.setdefault(step, {})
                assert isinstance(inner, dict), f"{name} is inside of a value"
                table = inner
            table[last] = value
        super().__init__(model, tree)

    def place_of(self, _path: SettingPath) -> str:
        """Say where a value came from."""
        return "the command line"


class TomlFile(TomlConfigSettingsSource):
    """The settings file, which must be there: the library takes one that is not for empty."""

    def __init__(self, model: type[BaseSettings], file: Path) -> None:
        self._file = file
        try:
            super().__init__(model, toml_file=_existing(file))
        except OSError as error:
            raise ConfigurationError(
                f"The settings file {file} cannot be read: {error.strerror}.",
                hint="Check --config and MUNIMENT_CONFIG, and who may read the file.",
            ) from None
        except UnicodeDecodeError:
            raise ConfigurationError(f"The settings file {file} is not UTF-8 text.") from None
        except ValueError as error:
            raise ConfigurationError(
                f"The settings file {file} is not valid TOML: {error}."
            ) from None

    def place_of(self, _path: SettingPath) -> str:
        """Say where a value came from."""
        return f"the file {self._file}"


class NamedValues(EnvSettingsSource):
    """Text under the names of variables: what the environment and secret files have in common."""

    places: Mapping[str, str] = MappingProxyType({})
    """Where each value came from, in words, by variable in lower case."""

    def place_of(self, path: SettingPath) -> str | None:
        """Say where a value came from: its own variable, or that of a table around it."""
        around = (_variable(path[:length]) for length in range(len(path), 0, -1))
        return next((self.places[name] for name in around if name in self.places), None)

    @override
    def next_field(
        self, field: object, key: str, case_sensitive: bool | None = None
    ) -> FieldInfo | None:
        """Step into tables of every kind, also those whose names are free."""
        return find_field(field.annotation if isinstance(field, FieldInfo) else field, key)

    def find(self, variable: str) -> FieldInfo | None:
        """Find the setting that a variable in lower case names."""
        steps = variable.removeprefix(self.env_prefix).split(DELIMITER)
        return find_setting(self.settings_cls, tuple(steps))

    def guess(self, variable: str) -> str | None:
        """Guess which variable was meant by one that names no setting."""
        settings = list_fields(self.settings_cls)
        known = [_variable(setting.path) for setting in settings if "[]" not in setting.name]
        return next(iter(get_close_matches(variable, known, n=1, cutoff=_CLOSE_ENOUGH)), None)

    def keep(self, texts: Mapping[str, str], places: Mapping[str, str]) -> None:
        """Take the values of known variables, by name in lower case; lists must be JSON."""
        # Short names first, so that MUNIMENT_DATABASE (a table) yields to …DATABASE__URL.
        self.env_vars = {variable: texts[variable] for variable in sorted(texts)}
        self.places = places
        for variable, text in texts.items():
            field = self.find(variable)
            if field is not None and self.field_is_complex(field):
                self._check_json(variable, field, text)

    def _check_json(self, variable: str, field: FieldInfo, text: str) -> None:
        """Find broken JSON before the library does: its error does not say which variable."""
        try:
            self.decode_complex_value(variable, field, text)
        except ValueError:
            name = variable.removeprefix(self.env_prefix).replace(DELIMITER, ".")
            raise ConfigurationError(
                f"The setting {name} from {self.places[variable]} is not valid JSON.",
                hint='Lists and tables are written as JSON there, for example ["a", "b"].',
            ) from None


class Environment(NamedValues):
    """The environment as it is handed in; an empty variable is not set."""

    def __init__(self, model: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(model)
        ours = [
            name
            for name in environ
            if name.startswith(ENV_PREFIX) and name not in RESERVED_VARIABLES
        ]
        for name in ours:
            if self.find(name.lower()) is None:
                raise self._unknown(name)
        given = [name for name in ours if environ[name]]
        self.keep(
            {name.lower(): environ[name] for name in given},
            {name.lower(): f"the environment variable {name}" for name in given},
        )

    def _unknown(self, name: str) -> ConfigurationError:
        guess = self.guess(name.lower())
        return ConfigurationError(
            f"The environment variable {name} names no setting.",
            hint=f"Did you mean {guess.upper()}?"
            if guess
            else "docs/reference/settings.md has all.",
        )


class SecretFiles(NamedValues, NestedSecretsSettingsSource):
    """Files named like variables in lower case, with or without the prefix.

    Other files may lie beside them: only one that was clearly meant for us is refused.
    """

    def __init__(self, model: type[BaseSettings], folder: Path) -> None:
        try:
            super().__init__(
                SecretsSettingsSource(model, secrets_dir=folder), secrets_dir_missing="error"
            )
        except OSError as error:
            raise ConfigurationError(
                f"The secret file {error.filename} cannot be read: {error.strerror}."
            ) from None
        except SettingsError as error:
            raise ConfigurationError(
                f"The folder of secrets {folder} cannot be read: {error}.",
                hint="Check MUNIMENT_SECRETS_DIR.",
            ) from None
        files = {self._variable_of(name): folder / name for name in self.env_vars}
        ours = {variable: file for variable, file in files.items() if self._is_ours(variable, file)}
        self.keep(
            {
                variable: _check_text(self.env_vars[file.name], file)
                for variable, file in ours.items()
            },
            {variable: f"the secret file {file}" for variable, file in ours.items()},
        )

    @override
    @classmethod
    def load_secrets(cls, path: Path) -> dict[str, str]:
        """Read the files of the folder itself; those of others need not even be text."""
        return {
            file.name: file.read_text("utf-8", errors="surrogateescape").strip()
            for file in cls._iter_secret_files(path)
            if file.parent == path
        }

    def _variable_of(self, file_name: str) -> str:
        return self.env_prefix + file_name.lower().removeprefix(self.env_prefix)

    def _is_ours(self, variable: str, file: Path) -> bool:
        if self.find(variable) is not None:
            return True
        guess = self.guess(variable)
        if guess is None and not file.name.lower().startswith(self.env_prefix):
            return False
        raise ConfigurationError(
            f"The secret file {file} names no setting.",
            hint=guess and f"Did you mean {guess.removeprefix(self.env_prefix)}?",
        )


def _existing(file: Path) -> Path:
    if not S_ISREG(file.stat().st_mode):
        raise OSError(EINVAL, "it is not a regular file")
    return file


def _variable(path: SettingPath) -> str:
    return ENV_PREFIX.lower() + DELIMITER.join(path)


def _check_text(text: str | None, file: Path) -> str:
    """Refuse what cannot be a secret; bytes that are no UTF-8 came in as lone surrogates."""
    if text is None or len(text) > MAX_SECRET_LENGTH:
        raise ConfigurationError(f"The secret file {file} is larger than 64 KiB.")
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ConfigurationError(f"The secret file {file} is not UTF-8 text.")
    return text
