"""What the routes of sources ask for, as `Annotated` aliases."""

from typing import Annotated

from fastapi import Depends

from muniment.identity.dependencies import Session
from muniment.kit.egress.client import EgressClient
from muniment.kit.state import from_state
from muniment.library.dependencies import Documents, Identity
from muniment.library.service.admission import Admission
from muniment.library.service.rule_check import RuleCheck
from muniment.sources.service import SourceService

Egress = Annotated[EgressClient, Depends(from_state("egress", EgressClient))]
Room = Annotated[Admission, Depends(from_state("admission", Admission))]


async def _sources(
    session: Session, egress: Egress, room: Room, documents: Documents, identity: Identity
) -> SourceService:
    return SourceService(session, egress, room, documents, RuleCheck.by(identity))


Sources = Annotated[SourceService, Depends(_sources)]
