import re

from muniment.app.reference_lists import write_formats_reference, write_permissions_reference
from muniment.identity.permissions import Permission


class TestPermissions:
    def test_every_one_is_listed_with_those_who_have_it(self) -> None:
        page = write_permissions_reference()
        assert "| permission | allows | everybody | member | admin | auditor |" in page
        assert re.search(r"^\| `users:manage` \| [^|]+ \|  \|  \| yes \|  \|$", page, re.MULTILINE)
        assert page.count("\n| `") == len(Permission)


class TestFormats:
    def test_each_is_listed_with_its_endings(self) -> None:
        page = write_formats_reference()
        assert "| `pdf` | `.pdf` | by size of type | page | - |" in page
        assert "| `markdown` | `.md`, `.markdown` | `#` and underlined | - |" in page
        assert "| `xlsx` | `.xlsx` | names of sheets | - | row by row, each value with" in page

    def test_each_is_listed_with_its_media_types(self) -> None:
        page = write_formats_reference()
        assert "| `pdf` | `application/pdf` |" in page
        assert "| `csv` | `text/csv`, `text/tab-separated-values` |" in page
