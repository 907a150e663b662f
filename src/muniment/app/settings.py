"""All settings of the product, composed of the models that stand next to the code they rule."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from platformdirs import user_data_path
from pydantic import AfterValidator, Field, JsonValue

from muniment.answers.settings import AnswerSettings
from muniment.app.server_settings import ServerSettings
from muniment.audit.settings import AuditSettings
from muniment.identity.settings import IdentitySettings
from muniment.index.chunking import ChunkingSettings
from muniment.index.settings import EmbeddingSettings, VectorSettings
from muniment.ingestion.parsing.settings import ParsingSettings
from muniment.ingestion.settings import IngestionSettings
from muniment.kit.egress.settings import EgressSettings
from muniment.kit.errors import ConfigurationError
from muniment.kit.logging import LogSettings
from muniment.kit.settings import RootSettings, load_settings
from muniment.library.settings import EventSettings, TenantLimits, UploadSettings
from muniment.llm.settings import LlmSettings
from muniment.postgres.settings import DatabaseSettings
from muniment.retrieval.settings import SearchSettings

CONFIG_FILE_NAME = "muniment.toml"


def default_data_dir() -> Path:
    """Give the folder where this platform keeps the files of a program."""
    return user_data_path("muniment", appauthor=False)


def _whole_path(path: Path) -> Path:
    """Resolve `~`, as no shell does in a file, and name one folder from every directory."""
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("there is no such home directory") from error


class Settings(RootSettings):
    """Everything that an operator can decide."""

    data_dir: Annotated[Path, AfterValidator(_whole_path)] = Field(
        default_factory=default_data_dir,
        description="Folder of originals, local keys and the embedded PostgreSQL.",
    )
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    log: LogSettings = LogSettings()
    identity: IdentitySettings = IdentitySettings()
    audit: AuditSettings = AuditSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    vectors: VectorSettings = VectorSettings()
    uploads: UploadSettings = UploadSettings()
    limits: TenantLimits = TenantLimits()
    events: EventSettings = EventSettings()
    egress: EgressSettings = EgressSettings()
    chunking: ChunkingSettings = ChunkingSettings()
    parsing: ParsingSettings = ParsingSettings()
    ingestion: IngestionSettings = IngestionSettings()
    search: SearchSettings = SearchSettings()
    answers: AnswerSettings = AnswerSettings()
    llm: LlmSettings = LlmSettings()

    @property
    def is_local_mode(self) -> bool:
        """Tell whether no issuer is configured, so that the built-in one vouches for callers."""
        return not self.identity.issuers


def read_settings(
    environ: Mapping[str, str],
    *,
    config_file: Path | None = None,
    overrides: Mapping[str, JsonValue] | None = None,
) -> Settings:
    """Read the settings of this process, from where its surroundings say they are.

    The file is the one named (`--config`), else that of `MUNIMENT_CONFIG`, else `muniment.toml`
    in the data folder if there is one. A file that was named must exist.
    """
    named = config_file or _path_in(environ, "MUNIMENT_CONFIG")
    return load_settings(
        Settings,
        environ=environ,
        config_file=named or _file_in_data_dir(environ, overrides or {}),
        secrets_dir=_path_in(environ, "MUNIMENT_SECRETS_DIR"),
        overrides=overrides,
    )


def _path_in(environ: Mapping[str, str], variable: str) -> Path | None:
    text = environ.get(variable)
    try:
        return _whole_path(Path(text)) if text else None
    except ValueError as error:
        raise ConfigurationError(f"{variable} cannot be used: {error}.") from error


def _file_in_data_dir(
    environ: Mapping[str, str], overrides: Mapping[str, JsonValue]
) -> Path | None:
    chosen = overrides.get("data_dir")
    folder = Path(chosen) if isinstance(chosen, str) else _path_in(environ, "MUNIMENT_DATA_DIR")
    file = (folder or default_data_dir()) / CONFIG_FILE_NAME
    return file if file.is_file() else None
