"""How long the trail is kept."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from muniment.kit.durations import Duration


class AuditSettings(BaseModel):
    """The trail of acts and denials."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep_for: Annotated[Duration, Field(ge=timedelta(days=1))] = Field(
        default=timedelta(days=400),
        description="How long audit entries are kept; a worker removes older ones each hour.",
    )
