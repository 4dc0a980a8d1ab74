"""Import path of older scripts: step functions and `run_step`; the code is in `hdmea.pipeline`."""

from __future__ import annotations

from typing import Any

import hdmea.pipeline


def __getattr__(name: str) -> Any:
    return getattr(hdmea.pipeline, name)
