"""Settings of the HTTP server."""

from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

_MEBIBYTE = 1024 * 1024


def _not_everybody(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    if network.prefixlen == 0:
        raise ValueError("name the proxies: whoever may be one can write any address")
    return network


def _as_browsers_say(origin: str) -> str:
    """Leave out the port that its scheme implies (RFC 6454, 6.2), as the header does."""
    implied = ":443" if origin.startswith("https:") else ":80"
    return origin.removesuffix(implied)


HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,253}$", to_lower=True)]
Origin = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[A-Za-z0-9._:\[\]-]+$", to_lower=True),
    AfterValidator(_as_browsers_say),
]
Rate = Annotated[float, Field(ge=0, le=1_000_000)]
Burst = Annotated[int, Field(ge=1, le=1_000_000)]
ProxyNetwork = Annotated[IPv4Network | IPv6Network, AfterValidator(_not_everybody)]


class RateLimits(BaseModel):
    """How many requests each process answers in a second; beyond that they are answered 429."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_principal: Rate = Field(
        default=500,
        description="Requests a second of each signed-in caller, with all their tokens, sessions"
        " and keys together; 0 is no limit.",
    )
    per_principal_burst: Burst = Field(
        default=10_000, description="As many at once, after a while without any."
    )
    per_key: Rate = Field(
        default=250,
        description="Requests a second with each API key; the other requests of its owner go on"
        " when it is used up. 0 is no limit.",
    )
    per_key_burst: Burst = Field(
        default=5_000, description="As many at once, after a while without any."
    )
    per_address: Rate = Field(
        default=100,
        description="Requests a second from each address (IPv6: each /64 network) without a"
        " credential or with a bad one; good ones from there go on. 0 is no limit.",
    )
    per_address_burst: Burst = Field(
        default=2_000, description="As many at once, after a while without any."
    )


class ServerSettings(BaseModel):
    """Where the server listens and how it is reached."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. Local mode accepts the loopback alone.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 picks one.")
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/?#]+$",
        description="Address under which people reach the server, without a path: redirects, "
        "links and the audience of /mcp are made from it. Not set: host and port.",
    )
    allowed_hosts: tuple[HostName, ...] = Field(
        default=(),
        description="Further names or addresses, without a port, that requests may give as `Host`."
        " That of public_url, the address to listen on and those of the loopback always may.",
    )
    trusted_proxies: tuple[ProxyNetwork, ...] = Field(
        default=(),
        description="Networks whose X-Forwarded-* headers are believed.",
    )
    cors_origins: tuple[Origin, ...] = Field(
        default=(),
        description="Origins, as https://app.example.com, whose pages may call the API in a"
        " browser. They need tokens of their own: cookies are never let in from there.",
    )
    docs: bool = Field(default=True, description="Whether /docs and /openapi.json are there.")
    max_json_bytes: int = Field(
        default=_MEBIBYTE, ge=1024, description="Largest JSON body; uploads have their own limit."
    )

    rate_limits: RateLimits = RateLimits()

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        """Refuse what no address can be made from, and secrets that would stand in every link."""
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            is_whole = bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_whole = False
        if not is_whole:
            raise ValueError("write the address as https://host or https://host:port")
        if "@" in value:
            raise ValueError("write the address without user and password")
        return value

    @property
    def base_url(self) -> str:
        """Give the address that links are made from."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False
