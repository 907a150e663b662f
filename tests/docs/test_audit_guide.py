import re

from muniment.audit.acts import Action
from muniment.oversight.schemas import EntryRead
from tests.docs.pages import code_blocks, read

GUIDE = read("docs/guides/audit.md")
ROW = re.compile(r"^\| `([a-z_.]+)` \| (.+) \|$", re.MULTILINE)


class TestGuide:
    def test_tells_the_actions_as_they_are(self) -> None:
        told = dict(ROW.findall(GUIDE))
        assert told == {action.value: action.description for action in Action}

    def test_shows_an_entry_as_the_api_does(self) -> None:
        [shown] = code_blocks(GUIDE, "json")
        entry = EntryRead.model_validate_json(shown)
        assert entry.model_dump(mode="json").keys() == EntryRead.model_fields.keys()
