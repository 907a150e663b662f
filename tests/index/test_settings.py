import pytest
from pydantic import ValidationError

from muniment.index.settings import EmbeddingSettings, VectorSettings


class TestPluginTables:
    @pytest.mark.parametrize("kind", [EmbeddingSettings, VectorSettings])
    def test_take_tables_of_plug_ins_and_no_misspelt_setting(
        self, kind: type[EmbeddingSettings | VectorSettings]
    ) -> None:
        read = kind.model_validate({"theirs": {"model": "x"}})
        assert read.model_extra == {"theirs": {"model": "x"}}
        with pytest.raises(ValidationError, match="spaec is not a setting"):
            kind.model_validate({"spaec": "minilm"})
        with pytest.raises(ValidationError):
            kind.model_validate({"space": "", "store": ""})
