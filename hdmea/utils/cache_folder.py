"""Where this program keeps what it can make again."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["CACHE_VARIABLE", "cache_folder"]

CACHE_VARIABLE = "HDMEA_CACHE"


def cache_folder(name: str) -> Path:
    """Return a folder of the cache, which need not exist; ``HDMEA_CACHE`` says where the cache is."""
    configured = os.environ.get(CACHE_VARIABLE, "").strip()
    if configured:
        return Path(configured).expanduser() / name
    import platformdirs

    return platformdirs.user_cache_path("hdmea", appauthor=False) / name
