"""`/answers`: one question, one answer with citations."""

from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import Response, StreamingResponse

from muniment.answers.dependencies import Answers, CanAsk
from muniment.answers.schemas import AnswerRead, AnswerRequest
from muniment.answers.stream import EVENT_STREAM, answer_events, wants_events
from muniment.identity.errors import GUARD_ERRORS
from muniment.kit.problems import problem_responses
from muniment.library.errors import CollectionNotFoundError

router = APIRouter(prefix="/answers", tags=["answers"])


@router.post(
    "",
    summary="Answer a question",
    response_model=AnswerRead,
    responses={
        **problem_responses(*GUARD_ERRORS, CollectionNotFoundError),
        200: {
            "description": "The answer; as events where `Accept` asks for them.",
            "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
        },
    },
)
async def answer_question(
    principal: CanAsk,
    request: AnswerRequest,
    answers: Answers,
    accept: Annotated[
        str | None, Header(description="`text/event-stream` for events instead of JSON.")
    ] = None,
) -> AnswerRead | Response:
    """Answer from the documents that the caller may read, or say that they do not say.

    Without a language model the answer is *extractive*: the best sentences, quoted word for word.
    """
    answer = AnswerRead.of(await answers.answer(principal, request))
    if wants_events(accept):
        return StreamingResponse(answer_events(answer), media_type=EVENT_STREAM)
    return answer
