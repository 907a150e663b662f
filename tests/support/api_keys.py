"""API keys of callers, made as the command line makes them."""

from dataclasses import dataclass

from muniment.api_keys.schemas import ApiKeyCreate
from muniment.api_keys.service import ApiKeyService
from muniment.identity.permissions import NEVER_BY_KEY, Permission
from muniment.identity.principal import Principal
from muniment.kit.clock import SystemClock
from muniment.postgres.unit_of_work import Scope
from tests.support.callers import CallerSpec, mint
from tests.support.whole_product import WholeProduct


@dataclass(frozen=True)
class Issued:
    """A key, and what opens with it."""

    id: str
    secret: str


async def sign_in(product: WholeProduct, caller: CallerSpec) -> Principal:
    sign_in = product.serving.sign_in
    token = mint(sign_in.local_issuer, caller)
    return (await sign_in.command_line.authenticate(token)).principal


async def make_key(product: WholeProduct, caller: CallerSpec, *scope: Permission) -> Issued:
    """Make a key for somebody; without a scope, with all that a key of theirs can do."""
    principal = await sign_in(product, caller)
    wanted = ApiKeyCreate(
        name="A script", scope=frozenset(scope) or principal.permissions - NEVER_BY_KEY
    )
    settings = product.serving.shared.settings.identity.api_keys
    async with product.serving.transactions.begin(
        Scope(principal.tenant_id, principal.names)
    ) as session:
        service = ApiKeyService(session, settings, SystemClock())
        made = await service.create(principal, wanted)
    return Issued(str(made.key.id), made.secret.get_secret_value())
