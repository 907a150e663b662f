"""What the route of the search asks for."""

from typing import Annotated

from fastapi import Depends

from muniment.identity.dependencies import requires
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.kit.state import from_state
from muniment.retrieval.service import SearchService

CanSearch = Annotated[Principal, Depends(requires(Permission.SEARCH_QUERY))]
Searches = Annotated[SearchService, Depends(from_state("search_service", SearchService))]
