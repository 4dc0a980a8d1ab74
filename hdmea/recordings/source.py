"""What every open file or folder of a recording can do."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Progress", "Source"]

Progress = Callable[[float], None]
"""Called with the fraction done; may raise to stop."""


class Source(ABC):
    """A file or folder, open for reading; used in a `with` block.

    Attributes
    ----------
    path
        The file or folder.
    """

    path: Path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open; nothing by default."""
        return
