from collections.abc import Mapping

import pytest

from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.keys import StaticKeySource
from muniment.identity.settings import AttributeType, IssuerSettings
from muniment.identity.verifier import TokenVerifier
from tests.support.fake_idp import AUDIENCE, CLIENT, ISSUER, FakeIdp
from tests.support.fixed_clock import FixedClock

DECLARED: Mapping[str, AttributeType] = {"department": "str", "clearance": "int"}


@pytest.fixture(scope="session")
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture(scope="session")
def idp(clock: FixedClock) -> FakeIdp:
    return FakeIdp(clock)


@pytest.fixture(scope="session")
def trusted(idp: FakeIdp) -> TrustedIssuer:
    settings = IssuerSettings(
        issuer=ISSUER,
        audience=AUDIENCE,
        clients=(CLIENT, "muniment-service"),
        tenants={"acme": "acme"},
        service_accounts={"muniment-service": "acme"},
    )
    return TrustedIssuer.from_settings(settings, DECLARED, StaticKeySource(idp.jwks()))


@pytest.fixture(scope="session")
def verifier(trusted: TrustedIssuer, clock: FixedClock) -> TokenVerifier:
    return TokenVerifier(TrustedIssuers([trusted]), clock)
