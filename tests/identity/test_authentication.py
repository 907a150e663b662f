from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from sqlalchemy import text
from typing_extensions import override

from muniment.identity.authentication import Authenticator, Caller
from muniment.identity.bearer import BearerTokens, Credential
from muniment.identity.errors import (
    AuthenticationRequiredError,
    InvalidTokenError,
    TenantRequiredError,
)
from muniment.identity.issuers import TenantRule, TrustedIssuers
from muniment.identity.key_file import KEY_BITS
from muniment.identity.local_issuer import ISSUER, LocalIssuer
from muniment.identity.permissions import Permission
from muniment.identity.principal import Principal
from muniment.identity.repository import AccountRepository, KnownAccount
from muniment.identity.settings import IdentitySettings
from muniment.identity.token_cache import TokenCache
from muniment.identity.verifier import TokenVerifier
from muniment.kit.errors import UnavailableError
from muniment.postgres.prepared import PreparedReads
from tests.support.app import make_authenticator
from tests.support.database import SETTINGS, TestDatabase
from tests.support.fixed_clock import FixedClock
from tests.support.statements import counted_statements


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture(scope="module")
def issuer(clock: FixedClock) -> LocalIssuer:
    key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    return LocalIssuer(key, IdentitySettings(), clock)


@pytest.fixture(scope="module")
async def reads(migrated: TestDatabase) -> AsyncIterator[PreparedReads]:
    async with PreparedReads(migrated.urls.serving, SETTINGS) as opened:
        yield opened


@pytest.fixture
def authenticator(
    issuer: LocalIssuer, reads: PreparedReads, database: TestDatabase, clock: FixedClock
) -> Authenticator:
    return make_authenticator(issuer, reads, database, clock)


class ForgetfulAccounts(AccountRepository):
    """Every account is erased again before it can be read."""

    @override
    async def find(self, issuer: str, subject: str, tenant: str) -> KnownAccount | None:
        return None


async def set_status(database: TestDatabase, status: str) -> None:
    async with database.owner.begin() as connection:
        await connection.execute(text("update account set status = :s"), {"s": status})


class TestAuthenticate:
    async def test_joins_token_and_account(
        self, authenticator: Authenticator, issuer: LocalIssuer
    ) -> None:
        token = issuer.mint(
            "alice", roles=["member"], groups=["/eng"], attributes={"clearance": 2}, tenant="acme"
        )
        caller = await authenticator.authenticate(f"Bearer {token}")
        principal = caller.principal
        assert (principal.subject, principal.tenant) == ("alice", "acme")
        assert principal.user_id == caller.account.account_id
        assert principal.tenant_id == caller.account.tenant_id
        assert principal.attributes == {"clearance": 2}
        assert Permission.SEARCH_QUERY in principal.permissions
        assert {"group:/eng", "role:member"} <= principal.names

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    async def test_reads_the_scheme_in_any_case(
        self, authenticator: Authenticator, issuer: LocalIssuer, scheme: str
    ) -> None:
        caller = await authenticator.authenticate(f"{scheme} {issuer.mint('alice')}")
        assert caller.principal.subject == "alice"

    async def test_asks_for_a_credential_where_there_is_none(
        self, authenticator: Authenticator
    ) -> None:
        with pytest.raises(AuthenticationRequiredError):
            await authenticator.authenticate(None)

    @pytest.mark.parametrize(
        "header",
        ["", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic YTpi", "Bearer mun_abc"],
    )
    async def test_refuses_what_is_no_token(
        self, authenticator: Authenticator, header: str
    ) -> None:
        with pytest.raises(InvalidTokenError):
            await authenticator.authenticate(header)

    async def test_does_not_verify_a_token_twice_but_reads_the_account_each_time(
        self, authenticator: Authenticator, issuer: LocalIssuer, database: TestDatabase
    ) -> None:
        header = f"Bearer {issuer.mint('alice')}"
        await authenticator.authenticate(header)
        await set_status(database, "disabled")
        with structlog.testing.capture_logs() as logs, pytest.raises(InvalidTokenError):
            await authenticator.authenticate(header)
        assert [entry["event"] for entry in logs] == ["caller_refused"]
        await set_status(database, "active")
        assert (await authenticator.authenticate(header)).account.is_active

    async def test_forgets_a_token_that_expires(
        self, authenticator: Authenticator, issuer: LocalIssuer, clock: FixedClock
    ) -> None:
        header = f"Bearer {issuer.mint('alice', lifetime=timedelta(minutes=1))}"
        await authenticator.authenticate(header)
        clock.advance(timedelta(minutes=1))
        with pytest.raises(InvalidTokenError):
            await authenticator.authenticate(header)

    async def test_opens_no_transaction_for_a_known_user(
        self, authenticator: Authenticator, issuer: LocalIssuer
    ) -> None:
        header = f"Bearer {issuer.mint('alice')}"
        await authenticator.authenticate(header)
        with counted_statements() as statements:
            await authenticator.authenticate(header)
        assert statements == []

    async def test_names_the_caller_in_the_log(
        self, authenticator: Authenticator, issuer: LocalIssuer
    ) -> None:
        caller = await authenticator.authenticate(f"Bearer {issuer.mint('alice', tenant='acme')}")
        bound = structlog.contextvars.get_contextvars()
        assert bound["tenant"] == "acme"
        assert bound["user"] == str(caller.principal.user_id)

    async def test_does_not_blame_the_token_for_a_silent_database(
        self, issuer: LocalIssuer, database: TestDatabase, clock: FixedClock
    ) -> None:
        closed = PreparedReads(database.urls.serving, SETTINGS)
        authenticator = make_authenticator(issuer, closed, database, clock)
        with pytest.raises(UnavailableError):
            await authenticator.authenticate(f"Bearer {issuer.mint('alice')}")

    async def test_refuses_a_token_whose_issuer_is_trusted_no_more(
        self, issuer: LocalIssuer, reads: PreparedReads, database: TestDatabase, clock: FixedClock
    ) -> None:
        tokens = BearerTokens(
            TokenVerifier(TrustedIssuers([issuer.trusted()]), clock),
            TrustedIssuers([]),
            TokenCache(10, clock),
            AccountRepository(reads, database.serving),
            IdentitySettings(),
            clock,
        )
        authenticator = Authenticator(tokens)
        with pytest.raises(InvalidTokenError):
            await authenticator.authenticate(f"Bearer {issuer.mint('alice')}")

    async def test_keeps_nothing_of_a_token_without_a_tenant(
        self, issuer: LocalIssuer, reads: PreparedReads, database: TestDatabase, clock: FixedClock
    ) -> None:
        lost = replace(issuer.trusted(), tenants=TenantRule(organisations={}))
        issuers = TrustedIssuers([lost])
        cache = TokenCache[Credential](10, clock)
        tokens = BearerTokens(
            TokenVerifier(issuers, clock),
            issuers,
            cache,
            AccountRepository(reads, database.serving),
            IdentitySettings(),
            clock,
        )
        authenticator = Authenticator(tokens)
        with pytest.raises(TenantRequiredError):
            await authenticator.authenticate(f"Bearer {issuer.mint('alice')}")
        assert len(cache) == 0
        async with database.owner.connect() as connection:
            assert await connection.scalar(text("select count(*) from account")) == 0

    async def test_tells_of_a_token_once_and_lets_its_caller_in_whatever_comes_of_it(
        self, issuer: LocalIssuer, reads: PreparedReads, database: TestDatabase, clock: FixedClock
    ) -> None:
        told: list[Principal] = []

        async def hear(caller: Caller) -> None:
            told.append(caller.principal)
            raise OSError

        issuers = TrustedIssuers([issuer.trusted()])
        tokens = BearerTokens(
            TokenVerifier(issuers, clock),
            issuers,
            TokenCache(10, clock),
            AccountRepository(reads, database.serving),
            IdentitySettings(),
            clock,
            on_verified=hear,
        )
        authenticator = Authenticator(tokens)
        first = f"Bearer {issuer.mint('alice')}"
        callers = [
            await authenticator.authenticate(header)
            for header in (first, first, f"Bearer {issuer.mint('bob')}")
        ]
        assert told == [callers[0].principal, callers[2].principal]

    @pytest.mark.parametrize("form", [" {}", "Bearer  {}", "Bearer {} ", "Bearer\t{}", "{}"])
    async def test_reads_a_token_at_its_one_place(
        self, authenticator: Authenticator, issuer: LocalIssuer, form: str
    ) -> None:
        with pytest.raises(InvalidTokenError):
            await authenticator.authenticate(form.format(issuer.mint("alice")))

    async def test_never_logs_the_credential_it_refuses(self, authenticator: Authenticator) -> None:
        with structlog.testing.capture_logs() as logs:
            for header in ("hunter2", "mun_hunter2", "Basic hunter2", "Bearer mun_hunter2"):
                with pytest.raises(InvalidTokenError):
                    await authenticator.authenticate(header)
            with pytest.raises(InvalidTokenError):
                await authenticator.authenticate(None, "hunter2")
        refused = [entry.get("scheme", entry.get("reason")) for entry in logs]
        assert refused == [None, None, "Basic", "no_such_way_in", "no_such_way_in"]
        assert "hunter2" not in str(logs)

    async def test_refuses_who_is_erased_while_signing_in(
        self, issuer: LocalIssuer, reads: PreparedReads, database: TestDatabase, clock: FixedClock
    ) -> None:
        issuers = TrustedIssuers([issuer.trusted()])
        tokens = BearerTokens(
            TokenVerifier(issuers, clock),
            issuers,
            TokenCache(10, clock),
            ForgetfulAccounts(reads, database.serving),
            IdentitySettings(),
            clock,
        )
        authenticator = Authenticator(tokens)
        with pytest.raises(InvalidTokenError):
            await authenticator.authenticate(f"Bearer {issuer.mint('alice')}")


class TestAfterAnErasure:
    @pytest.mark.parametrize(("ahead_s", "admitted"), [(0, True), (9, True), (10, False)])
    async def test_allows_for_an_issuer_whose_clock_is_ahead(
        self,
        issuer: LocalIssuer,
        reads: PreparedReads,
        database: TestDatabase,
        clock: FixedClock,
        ahead_s: int,
        *,
        admitted: bool,
    ) -> None:
        issuers = TrustedIssuers([replace(issuer.trusted(), leeway=timedelta(seconds=ahead_s))])
        tokens = BearerTokens(
            TokenVerifier(issuers, clock),
            issuers,
            TokenCache(10, clock),
            AccountRepository(reads, database.serving),
            IdentitySettings(),
            clock,
        )
        authenticator = Authenticator(tokens)
        header = f"Bearer {issuer.mint('alice')}"
        account = (await authenticator.authenticate(header)).account
        async with database.owner.begin() as connection:
            await connection.execute(
                text(
                    "insert into erased_subject select :tenant, muniment_subject_hash(:i, :s), :at"
                ),
                {
                    "tenant": account.tenant_id,
                    "i": ISSUER,
                    "s": "alice",
                    "at": clock.now() - timedelta(seconds=10),
                },
            )
        if admitted:
            await authenticator.authenticate(header)
        else:
            with pytest.raises(InvalidTokenError):
                await authenticator.authenticate(header)
