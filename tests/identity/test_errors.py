from muniment.identity.errors import AuthenticationRequiredError


class TestAuthenticationRequired:
    def test_challenges_without_an_error_code(self) -> None:
        """RFC 6750, 3.1: no error code where the request carried no credential."""
        error = AuthenticationRequiredError()

        assert error.status == 401
        assert error.headers == {"WWW-Authenticate": "Bearer"}
