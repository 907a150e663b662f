"""Settings of what leaves the process towards addresses that users give."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

import muniment
from muniment.kit.durations import Duration

HostName = Annotated[
    str,
    StringConstraints(
        to_lower=True,
        max_length=253,
        pattern=r"^([A-Za-z0-9_-]+\.)*[A-Za-z][A-Za-z0-9_-]*$",
    ),
]
Port = Annotated[int, Field(ge=1, le=65535)]


class EgressSettings(BaseModel):
    """Where documents by URL may be fetched from, and how long and how much of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allowed_hosts: tuple[HostName, ...] = Field(
        default=(),
        description="Hosts that may have private addresses, such as a wiki of your own, each by"
        " its whole name. All others must be on the public internet. Loopback and link-local"
        " addresses are refused for these as well.",
    )
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(),
        description="Networks whose addresses may be fetched from whatever they are, by any"
        " name. Whoever may add documents reaches every web server there.",
    )
    ports: tuple[Port, ...] = Field(
        default=(80, 443), min_length=1, description="The ports that may be asked."
    )
    user_agent: str = Field(
        default=f"muniment/{muniment.__version__}",
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="What servers are told about who asks.",
    )
    max_redirects: int = Field(default=5, ge=0, le=20, description="Most redirects of one fetch.")
    connect_timeout: Duration = Field(
        default=timedelta(seconds=10),
        gt=timedelta(0),
        description="Longest wait for a connection to stand.",
    )
    read_timeout: Duration = Field(
        default=timedelta(seconds=20), gt=timedelta(0), description="Longest silence of a server."
    )
    total_timeout: Duration = Field(
        default=timedelta(minutes=2),
        gt=timedelta(0),
        description="Longest fetch, from the first redirect to the last byte.",
    )
