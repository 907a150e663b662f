from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muniment.identity.claims import VerifiedClaims, read_claims
from muniment.identity.issuers import TrustedIssuer
from muniment.identity.refusals import Reason, TokenRefusedError
from tests.support.fake_idp import ABSENT, AUDIENCE, CLIENT, FakeIdp

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())


@pytest.fixture
def issuer(trusted: TrustedIssuer) -> TrustedIssuer:
    return replace(trusted, leeway=timedelta(seconds=30), max_token_lifetime=timedelta(seconds=100))


def read(idp: FakeIdp, issuer: TrustedIssuer, changes: Mapping[str, object]) -> VerifiedClaims:
    times = {"iat": SECONDS, "exp": SECONDS + 60}
    return read_claims(idp.claims({**times, **changes}), issuer, NOW)


def reason(idp: FakeIdp, issuer: TrustedIssuer, changes: Mapping[str, object]) -> Reason:
    with pytest.raises(TokenRefusedError) as refused:
        read(idp, issuer, changes)
    return refused.value.reason


class TestTimes:
    @pytest.mark.parametrize(
        ("issued", "not_before", "expires", "expected"),
        [
            (0, None, 1, None),
            (0, None, 0.000001, None),
            (-99, None, 1, None),
            (-100, None, 1, Reason.LIFETIME),
            (-99.5, None, 1, Reason.LIFETIME),
            (-50, None, 0, Reason.EXPIRED),
            (-50, None, -0.5, Reason.EXPIRED),
            (30, None, 90, None),
            (30.5, None, 90, Reason.NOT_YET_VALID),
            (0, 30, 60, None),
            (0, 31, 60, Reason.NOT_YET_VALID),
            (31, 0, 60, Reason.NOT_YET_VALID),
            (20, None, 20, Reason.LIFETIME),
            (20, None, 10, Reason.LIFETIME),
            (0, None, 100, None),
            (0, None, 101, Reason.LIFETIME),
        ],
    )
    def test_are_judged_to_the_second_and_leeway_never_prolongs(
        self,
        idp: FakeIdp,
        issuer: TrustedIssuer,
        issued: float,
        not_before: float | None,
        expires: float,
        expected: Reason | None,
    ) -> None:
        changes: dict[str, object] = {"iat": SECONDS + issued, "exp": SECONDS + expires}
        if not_before is not None:
            changes["nbf"] = SECONDS + not_before
        if expected is None:
            assert read(idp, issuer, changes).expires_at > NOW
        else:
            assert reason(idp, issuer, changes) is expected

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.integers(-200, 200) | st.floats(allow_nan=True, allow_infinity=True),
        st.integers(-200, 200),
    )
    def test_that_are_accepted_hold_now_whatever_the_issuer_wrote(
        self, idp: FakeIdp, issuer: TrustedIssuer, issued: float, expires: int
    ) -> None:
        changes = {"iat": SECONDS + issued, "exp": SECONDS + expires}
        try:
            claims = read(idp, issuer, changes)
        except TokenRefusedError:
            return
        assert claims.expires_at > NOW
        assert claims.issued_at <= NOW + issuer.leeway
        assert timedelta(0) < claims.expires_at - claims.issued_at <= issuer.max_token_lifetime

    def test_the_end_of_the_calendar_is_a_time(self, idp: FakeIdp, issuer: TrustedIssuer) -> None:
        ageless = replace(issuer, max_token_lifetime=timedelta(days=4_000_000))
        claims = read(idp, ageless, {"exp": 253_402_300_799})
        assert claims.expires_at == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
        assert reason(idp, ageless, {"exp": 253_402_300_800}) is Reason.TIME


class TestWhatIsTaken:
    def test_is_narrowed_to_what_counts(self, idp: FakeIdp, issuer: TrustedIssuer) -> None:
        claims = read(idp, issuer, {"email": "alice@example.com", "locale": "de"})
        assert (claims.client, claims.name, claims.email, claims.locale) == (
            CLIENT,
            "Alice Example",
            "alice@example.com",
            "de",
        )
        assert claims.roles == {"member"}
        assert claims.groups == {"/eng/search"}
        assert claims.attributes == {"department": "hr", "clearance": 3}
        assert claims.organisations == {"acme"}
        assert claims.session_id == "1d3b9c52-8f9b-4f0c-a0a5-5c8f0e7a7d10"

    @pytest.mark.parametrize("value", [None, 7, "", "a\nb", "x" * 256, ["Alice"], {"a": 1}])
    @pytest.mark.parametrize("name", ["name", "email", "locale"])
    def test_a_display_text_that_is_none_is_passed_over(
        self, idp: FakeIdp, issuer: TrustedIssuer, name: str, value: object
    ) -> None:
        assert getattr(read(idp, issuer, {name: value}), name) is None

    @pytest.mark.parametrize(
        ("claims", "shown"),
        [
            ({"name": " Alice Example ", "preferred_username": "ae"}, "Alice Example"),
            ({"name": "x" * 200, "preferred_username": "ae"}, "x" * 200),
            ({"name": "x" * 201, "preferred_username": "ae"}, "ae"),
            ({"name": "Alice\x1fExample", "preferred_username": "ae"}, "ae"),
            ({"name": "  ", "preferred_username": "ae"}, "ae"),
            ({"name": None, "preferred_username": ["ae"]}, None),
        ],
    )
    def test_the_name_is_one_that_can_be_shown(
        self, idp: FakeIdp, issuer: TrustedIssuer, claims: dict[str, object], shown: str | None
    ) -> None:
        assert read(idp, issuer, claims).name == shown

    @pytest.mark.parametrize("name", ["sid", "jti"])
    def test_what_a_token_may_be_revoked_by_is_never_passed_over(
        self, idp: FakeIdp, issuer: TrustedIssuer, name: str
    ) -> None:
        for value in ("", "a\nb", "x" * 256, 7, None, ["a"]):
            assert reason(idp, issuer, {name: value}) is Reason.IDENTIFIER
        absent = read(idp, issuer, {"sid": ABSENT, "jti": ABSENT})
        assert (absent.session_id, absent.token_id) == (None, None)


class TestOrder:
    def test_a_token_for_somebody_else_is_called_that_before_anything_in_it(
        self, idp: FakeIdp, issuer: TrustedIssuer
    ) -> None:
        everything_wrong = {"aud": "other", "exp": 0, "sub": 1, "azp": 1, "typ": "ID", "cnf": {}}
        order = []
        for member, right in (
            ("aud", AUDIENCE),
            ("exp", SECONDS + 60),
            ("sub", "alice"),
            ("azp", CLIENT),
            ("typ", "Bearer"),
            ("cnf", ABSENT),
        ):
            order.append(reason(idp, issuer, everything_wrong))
            everything_wrong[member] = right
        assert order == [
            Reason.AUDIENCE,
            Reason.EXPIRED,
            Reason.SUBJECT,
            Reason.CLIENT,
            Reason.TOKEN_TYPE,
            Reason.BOUND_TO_KEY,
        ]
        assert read(idp, issuer, everything_wrong).subject == "alice"
