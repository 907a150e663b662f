from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import JsonValue

from muniment.app.container import open_shared, open_worker
from muniment.app.doctor import examine
from muniment.app.local_mode import refuse_open_local_mode
from muniment.app.settings import Settings
from muniment.app.unsupported import refuse_unsupported
from muniment.kit.errors import ConfigurationError
from tests.support.database import TestDatabase

ISSUER: dict[str, JsonValue] = {
    "issuer": "https://id.example.com",
    "audience": "muniment",
    "clients": ["muniment-web"],
    "tenant": "acme",
}
WEB: dict[str, JsonValue] = {
    "issuer": "https://id.example.com",
    "client_id": "muniment-web",
    "client_secret": "s",
}
PROVIDER: dict[str, JsonValue] = {"name": "main", "base_url": "http://127.0.0.1:1/v1"}
LLM: dict[str, JsonValue] = {"llm": {"providers": [PROVIDER]}}

CASES: list[tuple[Mapping[str, JsonValue], str]] = [
    (LLM, "language models"),
    ({"llm": {"providers": [PROVIDER], "routes": {"default": ["main/x"]}}}, "language models"),
    ({"llm": {"routes": {"default": []}}}, "language models"),
    ({"vectors": {"store": "qdrant"}}, "vectors.store is 'qdrant', which is not used"),
]


class TestRefuseUnsupported:
    def test_lets_the_defaults_and_their_spelling_out_pass(self) -> None:
        refuse_unsupported(Settings())
        refuse_unsupported(Settings.model_validate({"vectors": {"store": "pgvector"}}))

    @pytest.mark.parametrize(("given", "sentence"), CASES)
    def test_says_what_has_no_effect_and_what_to_do(
        self, given: Mapping[str, JsonValue], sentence: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=sentence) as refused:
            refuse_unsupported(Settings.model_validate(given))
        assert f"{refused.value.hint}".startswith("Remove ")

    def test_lets_issuers_and_browsers_pass(self) -> None:
        refuse_unsupported(Settings.model_validate({"identity": {"issuers": [ISSUER], "web": WEB}}))


class TestStart:
    def test_a_server_is_refused_before_anything_is_opened(self) -> None:
        with pytest.raises(ConfigurationError, match="language models"):
            refuse_open_local_mode(Settings.model_validate(LLM))

    async def test_a_worker_is_refused(self, migrated: TestDatabase, tmp_path: Path) -> None:
        given = {"embedding": {"space": "hashing"}, "data_dir": str(tmp_path), **LLM}
        async with open_shared(Settings.model_validate(given)) as shared:
            with pytest.raises(ConfigurationError, match="language models"):
                async with open_worker(shared, migrated.urls):
                    pass

    async def test_the_doctor_tells_first(self, tmp_path: Path) -> None:
        findings = examine(Settings.model_validate({"data_dir": str(tmp_path), **LLM}))
        first = await anext(findings)
        assert first.subject == "settings"
        assert "language models" in f"{first.problem}"
