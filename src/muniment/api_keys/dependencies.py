"""What the routes of API keys ask for."""

from typing import Annotated

from fastapi import Depends

from muniment.api_keys.errors import BrowserSessionRequiredError
from muniment.api_keys.service import ApiKeyService
from muniment.identity.dependencies import CurrentCaller, Session, requires
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.identity.settings import IdentitySettings
from muniment.kit.clock import SystemClock
from muniment.kit.state import from_state

CanManageKeys = Annotated[Principal, Depends(requires(Permission.KEYS_MANAGE))]


async def _require_browser(caller: CurrentCaller, principal: CanManageKeys) -> Principal:
    """Let those through who signed in with a browser: a token may be one that was found."""
    if caller.grounds.web_session_id is None:
        raise BrowserSessionRequiredError
    return principal


CanMakeKeys = Annotated[Principal, Depends(_require_browser)]


async def _make_service(
    session: Session,
    identity: Annotated[IdentitySettings, Depends(from_state("identity", IdentitySettings))],
) -> ApiKeyService:
    return ApiKeyService(session, identity.api_keys, SystemClock())


OwnKeys = Annotated[ApiKeyService, Depends(_make_service)]
