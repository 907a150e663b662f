"""What the route of the answers asks for."""

from typing import Annotated

from fastapi import Depends

from muniment.answers.service import AnswerService
from muniment.identity.dependencies import requires
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.kit.state import from_state

CanAsk = Annotated[Principal, Depends(requires(Permission.ANSWERS_ASK))]
Answers = Annotated[AnswerService, Depends(from_state("answer_service", AnswerService))]
