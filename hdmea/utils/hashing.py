"""Short hashes of configurations, which earlier scripts store as ``params_hash``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["hash_config", "verify_hash"]


def hash_config(config: Mapping[str, Any], prefix: str = "sha256") -> str:
    """Return the first 16 digits of the SHA-256 of a configuration as JSON, after ``<prefix>:``.

    The order of the keys does not matter.

    Raises
    ------
    TypeError
        If a value cannot be written as JSON.
    """
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    return f"{prefix}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def verify_hash(config: Mapping[str, Any], expected_hash: str) -> bool:
    """Return whether a configuration has this hash."""
    return hash_config(config) == expected_hash
