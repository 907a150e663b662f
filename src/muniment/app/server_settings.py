"""Settings of the HTTP server."""

from ipaddress import IPv4Network, IPv6Network, ip_address

from pydantic import BaseModel, ConfigDict, Field

_MEBIBYTE = 1024 * 1024


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
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(),
        description="Networks whose X-Forwarded-* headers are believed.",
    )
    docs: bool = Field(default=True, description="Whether /docs and /openapi.json are there.")
    max_json_bytes: int = Field(
        default=_MEBIBYTE, ge=1024, description="Largest JSON body; uploads have their own limit."
    )

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
