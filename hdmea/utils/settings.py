"""What a user or a laboratory has set once for all programs: the settings file, without the window."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from hdmea.utils.exceptions import HDMEAError
from hdmea.utils.text_files import read_json

__all__ = ["setting", "settings_path"]

logger = logging.getLogger(__name__)


def settings_path() -> Path:
    """Return where the settings of this user are, which the window writes and everything reads."""
    import platformdirs

    return Path(platformdirs.user_config_dir("hdmea-studio", appauthor=False)) / "settings.json"


def setting(name: str) -> Any:
    """Return one of the settings, None where it is not set or the file cannot be read."""
    path = settings_path()
    try:
        found = read_json(path)
    except FileNotFoundError:
        return None
    except HDMEAError as error:
        logger.warning("The settings in %s could not be read: %s", path, error)
        return None
    return found.get(name) if isinstance(found, dict) else None
