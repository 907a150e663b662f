import pytest

from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.keys import StaticKeySource
from muniment.identity.settings import IssuerSettings
from muniment.kit.errors import ConfigurationError
from tests.support.fake_idp import AUDIENCE, CLIENT, ISSUER


class TestTrustedIssuer:
    def test_may_assert_every_declared_attribute_unless_told(self) -> None:
        settings = IssuerSettings(
            issuer=ISSUER, audience=AUDIENCE, clients=(CLIENT,), tenant="acme"
        )
        issuer = TrustedIssuer.from_settings(settings, {"clearance": "int"}, StaticKeySource([]))

        assert issuer.assertable.attributes == {"clearance": "int"}

    def test_may_assert_only_the_attributes_that_it_was_told(self) -> None:
        settings = IssuerSettings(
            issuer=ISSUER, audience=AUDIENCE, clients=(CLIENT,), tenant="acme", attributes=()
        )
        issuer = TrustedIssuer.from_settings(settings, {"clearance": "int"}, StaticKeySource([]))

        assert issuer.assertable.attributes == {}


class TestTrustedIssuers:
    @pytest.mark.parametrize("identifier", [f"{ISSUER}/", "", None, [ISSUER], {ISSUER: 1}, 1])
    def test_are_found_by_their_exact_text_alone(
        self, identifier: object, trusted: TrustedIssuer
    ) -> None:
        issuers = TrustedIssuers([trusted])

        assert issuers.find(ISSUER) is trusted
        assert issuers.find(identifier) is None

    def test_cannot_share_an_identifier(self, trusted: TrustedIssuer) -> None:
        with pytest.raises(ConfigurationError, match="twice"):
            TrustedIssuers([trusted, trusted])
