"""Settings that name a database of the tests, as an operator would."""

from pathlib import Path

from muniment.app.settings import Settings
from muniment.postgres.engine import DatabaseUrls


def settings_of(urls: DatabaseUrls, folder: Path) -> Settings:
    addresses = {
        "url": urls.serving.get_secret_value(),
        "owner_url": urls.owner.get_secret_value(),
        "worker_url": urls.worker.get_secret_value(),
    }
    return Settings.model_validate(
        {
            "data_dir": folder,
            "embedding": {"space": "hashing"},
            "database": addresses,
        }
    )
