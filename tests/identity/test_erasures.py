from datetime import timedelta

from muniment.identity.erasures import longest_token_life
from muniment.identity.local_issuer import MAX_LIFETIME
from muniment.identity.settings import IdentitySettings, IssuerSettings


def issuer(number: int, lifetime: timedelta) -> IssuerSettings:
    return IssuerSettings(
        issuer=f"https://sso.example.com/{number}",
        audience="muniment-api",
        clients=("web",),
        tenant="acme",
        max_token_lifetime=lifetime,
        leeway=timedelta(minutes=1),
    )


class TestLongestTokenLife:
    def test_is_that_of_the_built_in_issuer_where_there_is_no_other(self) -> None:
        assert longest_token_life(IdentitySettings()) == MAX_LIFETIME

    def test_covers_every_issuer_and_how_far_its_clock_may_be_ahead(self) -> None:
        lives = [timedelta(hours=1), MAX_LIFETIME, timedelta(hours=2)]
        settings = IdentitySettings(
            issuers=tuple(issuer(number, life) for number, life in enumerate(lives))
        )
        assert longest_token_life(settings) == MAX_LIFETIME + timedelta(minutes=1)
