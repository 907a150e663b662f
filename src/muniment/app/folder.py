"""The folder of everything that is kept: made for its owner alone."""

from pathlib import Path

from muniment.kit.errors import ConfigurationError


def make_data_folder(folder: Path) -> None:
    """Make the folder if it is not there, closed to other users. Raises ConfigurationError.

    One that exists keeps its modes; what lies in it is closed by itself. Blocks.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {folder} cannot be made: {error.strerror}.",
            hint="Choose another one with --data-dir or data_dir.",
        ) from error
