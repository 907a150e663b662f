"""Tokens of the built-in issuer with other claims than it would write, under its own key."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from joserfc import jws
from joserfc.jwk import RSAKey
from pydantic import JsonValue, TypeAdapter

from muniment.identity.key_file import load_or_create_key
from muniment.identity.local_issuer import LocalIssuer
from tests.support.callers import CallerSpec, mint

_OBJECT = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True)
class Forger:
    """Has the key of the issuer, as whoever has it would."""

    issuer: LocalIssuer
    key_file: Path

    def alter(self, caller: CallerSpec, claims: Mapping[str, object]) -> str:
        """Make a good token of a caller, with some claims replaced."""
        header, payload, _ = (
            base64.urlsafe_b64decode(f"{part}==") for part in mint(self.issuer, caller).split(".")
        )
        key = RSAKey.import_key(load_or_create_key(self.key_file))
        said = {**_OBJECT.validate_json(payload), **claims}
        return jws.serialize_compact(_OBJECT.validate_json(header), json.dumps(said), key)
