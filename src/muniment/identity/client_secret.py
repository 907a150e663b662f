"""How this server proves to an identity provider which of its clients it is."""

from base64 import b64encode
from urllib.parse import quote_plus

from pydantic import SecretStr


def basic_authorization(client_id: str, secret: SecretStr) -> str:
    """Write the header `Authorization` of a confidential client (RFC 6749, 2.3.1).

    Both parts are form-encoded before they are joined, so that a colon in one stays in it.
    """
    pair = f"{quote_plus(client_id)}:{quote_plus(secret.get_secret_value())}"
    return f"Basic {b64encode(pair.encode()).decode()}"
