"""The port to language models: messages in, a stream of typed events out.

Failures are a small closed set, so that what to do next (try again, another model, give up) is
decided on types and never on a vendor's words.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol, TypeAlias

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the conversation that the model continues."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What a model is asked."""

    model: str
    messages: Sequence[Message]
    max_tokens: int
    temperature: float = 0.0
    timeout: timedelta = timedelta(seconds=60)
    """For the whole answer; a stream that stalls counts too."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class CompletionEnd:
    """The last event of every answer that came to its end."""

    reason: Literal["stop", "length"]
    input_tokens: int | None = None
    output_tokens: int | None = None


CompletionEvent: TypeAlias = TextDelta | CompletionEnd


class Completion(Protocol):
    """Answers with a language model. Raises only CompletionError."""

    def stream(self, request: CompletionRequest) -> AsyncIterator[CompletionEvent]:
        """Answer, piece by piece; abandoning the iterator ends the call to the model."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class CompletionError(Exception):
    """The model gave no answer, or not all of it; subclasses say why."""


class CompletionTimeoutError(CompletionError):
    """The time allowed ran out."""


class RateLimitedError(CompletionError):
    """The provider wants fewer requests."""

    def __init__(self, detail: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class RefusedError(CompletionError):
    """The provider or the model declines to answer this."""


class ContextTooLongError(CompletionError):
    """The messages are longer than the model can read."""


class UnavailableError(CompletionError):
    """The provider is away, or its answer broke off."""


class InvalidError(CompletionError):
    """The request or the answer makes no sense to the other side; trying again will not help."""
