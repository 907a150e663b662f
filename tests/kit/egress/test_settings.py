import pytest
from pydantic import ValidationError

from muniment.kit.egress.settings import EgressSettings


class TestEgressSettings:
    def test_nothing_but_the_public_internet_is_allowed_at_first(self) -> None:
        settings = EgressSettings()
        assert settings.allowed_hosts == ()
        assert settings.allowed_networks == ()
        assert settings.ports == (80, 443)

    def test_a_host_is_compared_in_small_letters(self) -> None:
        settings = EgressSettings.model_validate({"allowed_hosts": ["Wiki.Example"]})
        assert settings.allowed_hosts == ("wiki.example",)

    @pytest.mark.parametrize("host", ["", "*", "*.example", "http://wiki", "10.0.0.1", "a/b", ".a"])
    def test_a_host_is_a_whole_name(self, host: str) -> None:
        with pytest.raises(ValidationError):
            EgressSettings.model_validate({"allowed_hosts": [host]})
