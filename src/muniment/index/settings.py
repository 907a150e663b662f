"""Settings of the index: how texts become vectors, and where vectors are kept."""

from collections.abc import Mapping
from typing import Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

IndexKind: TypeAlias = Literal["hnsw", "ivfflat"]
"""Kinds of approximate index that pgvector has."""


class _PluginTable(BaseModel):
    """A table whose inner tables are the settings of plug-ins, checked when one is loaded."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def plugin_settings(self, name: str) -> Mapping[str, JsonValue]:
        """Give the settings of one plug-in as they were written, unchecked."""
        table = (self.model_extra or {}).get(name)
        return table if isinstance(table, dict) else {}

    @model_validator(mode="after")
    def _only_tables(self) -> Self:
        extra = self.model_extra or {}
        strangers = [name for name, value in extra.items() if not isinstance(value, dict)]
        if strangers:
            raise ValueError(f"{strangers[0]} is not a setting (tables of plug-ins stand here)")
        return self


class EmbeddingSettings(_PluginTable):
    """How texts become vectors; `[embedding.<plug-in>]` has the settings of the plug-in."""

    space: str = Field(
        default="minilm",
        min_length=1,
        description="The plug-in that embeds documents and questions. Searches compare meaning in "
        "its space only: what another one embedded before is found by its words until it is "
        "ingested again.",
    )

    word_states: bool = Field(
        default=True,
        description="Whether the states of a passage's words are kept beside its vector, if the "
        "plug-in gives them: about 4 kB a passage, with which the best passages are compared word "
        "by word.",
    )


class VectorSettings(_PluginTable):
    """Where vectors are kept; `[vectors.<plug-in>]` has the settings of the plug-in."""

    store: str = Field(
        default="pgvector",
        min_length=1,
        description="Where the vectors are kept; this version takes no other value.",
    )
    index: IndexKind = Field(
        default="hnsw",
        description="Kind of approximate index in PostgreSQL, for the embedder in use. IVFFlat "
        "holds its recall where many texts are nearly equal, but fits its lists to what is there "
        "when it is built; HNSW builds up as documents come in. `muniment migrate` follows.",
    )
    build_memory_mib: int = Field(
        default=512,
        ge=64,
        le=1 << 20,
        description="Memory in MiB that PostgreSQL may use while it builds that index. One that"
        " does not fit into it is built many times more slowly (HNSW, about 1.5 GiB for a million"
        " chunks) or not at all (IVFFlat, 240 MiB).",
    )
