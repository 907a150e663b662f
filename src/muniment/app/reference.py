"""The generated pages of the documentation: settings, errors and the API, from the code itself.

`python -m muniment.app.reference` writes them, with `--check` it only says which are out of date.
"""

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import muniment
from muniment.app.factory import create_app
from muniment.app.reference_lists import write_formats_reference, write_permissions_reference
from muniment.app.routes import ROUTERS
from muniment.app.settings import Settings
from muniment.kit.errors import MunimentError
from muniment.kit.settings_schema import SettingField, list_fields

_FOLDER = Path("docs/reference")
_SETTINGS_HEAD = """\
# Settings

This page is made from the code: `make fix` writes it anew.

A setting is looked up in this order: the command line, the environment, a secret file, the TOML
file, the default. The TOML file is the one of `--config`, else of `MUNIMENT_CONFIG`, else
`muniment.toml` in the data folder. Secret files stand in the folder that `MUNIMENT_SECRETS_DIR`
names, each called like its variable in lower case (`database__url` or `muniment_database__url`).

In the environment, lists and tables are written as JSON, and an empty variable counts as not
set. Durations are ISO 8601 (`PT5M`) or seconds. A name that does not exist is refused.
"""
_ERRORS_HEAD = """\
# Errors

This page is made from the code: `make fix` writes it anew.

Every failed request is answered with `application/problem+json` (RFC 9457). Its `code` is one of
these and never changes its meaning; `type` is `urn:muniment:problem:` and the code. On the
command line the same errors are one sentence and a hint, or the same document with `--json`.
"""


def write_settings_reference() -> str:
    """Write the page of all settings."""
    parts = [_SETTINGS_HEAD]
    tables: dict[str, list[SettingField]] = {}
    for setting in list_fields(Settings):
        tables.setdefault(".".join(setting.path[:-1]), []).append(setting)
    for table, fields in tables.items():
        parts.append(f"\n## {f'[{table}]' if table else 'At the top'}\n\n")
        parts.append("| name | type | default | meaning |\n|---|---|---|---|\n")
        parts.extend(map(_setting_row, fields))
    return "".join(parts)


def write_errors_reference() -> str:
    """Write the page of all errors."""
    parts = [_ERRORS_HEAD]
    for status, kinds in groupby(sorted(find_errors(), key=_error_order), key=lambda k: k.status):
        parts.append(f"\n## {status}\n\n| code | title | meaning |\n|---|---|---|\n")
        parts.extend(f"| `{k.code}` | {k.title} | {_first_paragraph(k)} |\n" for k in kinds)
    return "".join(parts)


def find_errors() -> Iterable[type[MunimentError]]:
    """Find every error of the product: each class with a code of its own."""
    import_everything()
    by_code: dict[str, type[MunimentError]] = {}
    for kind in _walk_subclasses(MunimentError):
        if kind.__module__.startswith("muniment.") and "code" in vars(kind):
            other = by_code.setdefault(kind.code, kind)
            if other is not kind:
                raise ValueError(f"{kind.__name__} and {other.__name__} share the code {kind.code}")
    return by_code.values()


def import_everything() -> None:
    """Import every module of the product, so that every class is known."""
    for module in pkgutil.walk_packages(muniment.__path__, "muniment."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def write_api_reference() -> str:
    """Write the OpenAPI document, as a server with default settings gives it."""
    document = create_app(Settings(), routers=ROUTERS).openapi()
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


PAGES = {
    "settings.md": write_settings_reference,
    "errors.md": write_errors_reference,
    "permissions.md": write_permissions_reference,
    "formats.md": write_formats_reference,
    "openapi.json": write_api_reference,
}
"""The generated pages by file name."""


def list_outdated(folder: Path) -> Sequence[str]:
    """List the pages that say something else than the code, or are missing."""
    return [
        name
        for name, write in PAGES.items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != write()
    ]


def write_pages(folder: Path) -> None:
    """Write all generated pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in PAGES.items():
        (folder / name).write_text(write(), encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Write the pages, or with `--check` fail if one is out of date."""
    folder = next((Path(word) for word in arguments if word != "--check"), _FOLDER)
    if "--check" not in arguments:
        write_pages(folder)
    elif outdated := list_outdated(folder):
        sys.exit(f"Out of date in {folder}: {', '.join(outdated)}. Run `make fix`.")


def _setting_row(setting: SettingField) -> str:
    in_list = "[]" in setting.name
    variable = "" if in_list else f"<br>`{setting.variable}`"
    kind = setting.type_name.replace("|", "\\|")
    return (
        f"| `{setting.path[-1]}`{variable} | {kind} | {setting.default} "
        f"| {setting.meaning.replace('|', '&#124;')} |\n"
    )


def _walk_subclasses(kind: type[MunimentError]) -> Iterator[type[MunimentError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _walk_subclasses(child)


def _error_order(kind: type[MunimentError]) -> tuple[int, str]:
    return kind.status, kind.code


def _first_paragraph(kind: type[MunimentError]) -> str:
    return " ".join((kind.__doc__ or "").strip().split("\n\n")[0].split())


if __name__ == "__main__":
    main(sys.argv[1:])
