from base64 import b64decode

import pytest
from pydantic import SecretStr

from muniment.identity.client_secret import basic_authorization


@pytest.mark.parametrize(
    ("client", "secret", "pair"),
    [
        ("muniment-api", "s3cret", "muniment-api:s3cret"),
        ("a:b", "c:d", "a%3Ab:c%3Ad"),
        ("a b", "ü+/", "a+b:%C3%BC%2B%2F"),
    ],
)
def test_each_part_is_form_encoded(client: str, secret: str, pair: str) -> None:
    scheme, _, encoded = basic_authorization(client, SecretStr(secret)).partition(" ")
    assert scheme == "Basic"
    assert b64decode(encoded).decode() == pair
