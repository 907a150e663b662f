"""Settings of language models: which servers there are, and which model answers first."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from muniment.kit.durations import Duration


class ProviderSettings(BaseModel):
    """One server of language models."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="The name that routes use for it."
    )
    kind: Literal["openai_compatible"] = Field(
        default="openai_compatible", description="The protocol that it speaks."
    )
    base_url: str = Field(
        pattern=r"^https?://", description="Address of the API, with the version: …/v1."
    )
    api_key: SecretStr | None = Field(default=None, description="Key that is sent with each call.")
    timeout: Duration = Field(
        default=timedelta(seconds=60), description="Longest silence before the next in line."
    )


class LlmSettings(BaseModel):
    """Servers of language models and the order in which models are tried."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    providers: tuple[ProviderSettings, ...] = Field(
        default=(),
        description="The servers; this version refuses all but none: answers are quotes of the "
        "documents.",
    )
    routes: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="For each purpose the models to try in order, as provider/model; `default` "
        "serves every purpose that is not named.",
    )

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        repeated = [name for name, n in Counter(p.name for p in self.providers).items() if n > 1]
        if repeated:
            raise ValueError(f"the provider {repeated[0]} is defined more than once")
        names = {provider.name for provider in self.providers}
        for models in self.routes.values():
            for model in models:
                provider, slash, _ = model.partition("/")
                if not slash or provider not in names:
                    raise ValueError(f"the route to {model!r} names no provider that is defined")
        return self
