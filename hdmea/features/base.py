"""Base class of features that older scripts declare as classes; `hdmea.declare.extractor` is the other way.

```python
@FeatureRegistry.register("spike_total")
class SpikeTotal(FeatureExtractor):
    version = "1.0.0"
    required_inputs = ["spike_times"]
    output_schema = {"total": {"dtype": "float64", "unit": "spikes"}}

    def extract(self, unit_data, stimulus_data, config=None):
        return {"total": float(len(unit_data["spike_times"][:]))}
```
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import numpy as np

__all__ = ["FeatureExtractor", "GroupView", "plain"]


class _Number(np.ndarray[Any, Any]):
    """A number that also answers ``[:]`` and ``[0]``, as one that is stored as an array of one element."""

    def __getitem__(self, key: Any) -> Any:
        value = self.view(np.ndarray)
        return value[()] if key == () else value.reshape(1)[key]


class GroupView(Mapping[str, Any]):
    """A nested dictionary that can be read like an open HDF5 group as well.

    ``view["a/b"]`` and ``view["a"]["b"]`` are the same; ``attrs`` are the numbers and texts; numbers answer
    ``[:]``, ``[0]`` and ``[()]`` too.
    """

    def __init__(self, tree: Mapping[Any, Any]) -> None:
        self._tree = tree

    def __getitem__(self, key: str) -> Any:
        value: Any = self._tree
        for name in str(key).strip("/").split("/"):
            if not isinstance(value, Mapping):
                raise KeyError(key)
            value = value[name] if name in value else value[_number(name, key)]
        if isinstance(value, Mapping):
            return GroupView(value)
        is_number = isinstance(value, (bool, int, float, np.generic)) and not isinstance(value, (str, bytes))
        return np.asarray(value).view(_Number) if is_number else value

    def __iter__(self) -> Iterator[str]:
        return map(str, self._tree)

    def __len__(self) -> int:
        return len(self._tree)

    def __repr__(self) -> str:
        return f"GroupView({', '.join(self)})"

    @property
    def attrs(self) -> dict[str, Any]:
        """Numbers and texts of this level, and what stands in ``_attrs``."""
        own = {name: self._tree[name] for name in self._tree}
        found = {name: value for name, value in own.items() if np.ndim(value) == 0 and not _is_tree(value)}
        return {**found, **self._tree.get("_attrs", {})}


def _number(name: str, key: str) -> int:
    if not name.isdigit():
        raise KeyError(key)
    return int(name)


def _is_tree(value: Any) -> bool:
    return isinstance(value, Mapping)


def plain(group: Any) -> Any:
    """Return an open HDF5 group, a `GroupView` or a dictionary as nested dictionaries of arrays."""
    if isinstance(group, GroupView):
        return group._tree
    if isinstance(group, Mapping) and not hasattr(group, "attrs"):
        return group
    if hasattr(group, "keys"):
        return {**group.attrs, **{name: plain(group[name]) for name in group}}
    return group[()] if hasattr(group, "dtype") else group


class FeatureExtractor(ABC):
    """A feature as a class: what it is in class attributes, and `extract` for one unit.

    Attributes
    ----------
    name
        Set by `FeatureRegistry.register`.
    version
        Raised when the numbers change.
    required_inputs
        Paths that must exist, in a unit or from the root: ``"spike_times"``, ``"stimulus/light_reference"``.
    output_schema
        Output name to ``{"dtype": ..., "unit": ...}``; outputs that are not listed are stored too.
    runtime_class
        ``"fast"`` or ``"slow"``; not used.
    description
        What it is.
    config
        What the caller set, also as `config` of `extract`.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = "0.0.0"
    required_inputs: ClassVar[list[str]] = []
    output_schema: ClassVar[dict[str, dict[str, Any]]] = {}
    runtime_class: ClassVar[Literal["fast", "slow"]] = "fast"
    description: ClassVar[str] = ""

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self.config = dict(config or {})

    @abstractmethod
    def extract(
        self, unit_data: Any, stimulus_data: Any, config: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the outputs of one unit by name.

        Parameters
        ----------
        unit_data, stimulus_data
            The unit and ``stimulus``: an open HDF5 group, or a `GroupView`, which reads like one.
        config
            What the caller set. A method with a further parameter `metadata` gets the recording's metadata.
        """

    def validate_inputs(self, root: Any) -> list[str]:
        """Return the paths of `required_inputs` that do not exist below `root`."""
        return [path for path in self.required_inputs if path not in root]
