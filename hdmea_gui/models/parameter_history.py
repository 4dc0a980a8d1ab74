"""Undo and redo of what was edited in parameter forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from hdmea_gui.models.parameters import ParameterModel

__all__ = ["ParameterHistory"]

_MERGES = 1
_SHOWN = 40


class ParameterHistory(QObject):
    """Changes of parameters of all steps, in the order in which they were made.

    Signals
    -------
    changed()
        Whether something can be undone or redone may have changed.
    touched(str, str)
        Undo or redo changed this parameter of this step; empty: several of the step.
    """

    changed = Signal()
    touched = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stack = QUndoStack(self)
        self._stack.setUndoLimit(200)
        self._stack.indexChanged.connect(self._on_index)

    @property
    def undo_text(self) -> str:
        """What would be undone, empty if there is nothing."""
        return self._stack.undoText()

    @property
    def redo_text(self) -> str:
        """What would be redone, empty if there is nothing."""
        return self._stack.redoText()

    def edit(self, model: ParameterModel, name: str, value: Any, burst: int = -1) -> None:
        """Change a parameter.

        Parameters
        ----------
        model, name, value
            What becomes what.
        burst
            Edits of one parameter with the same number are undone together: those that were made without
            leaving its editor. -1: alone.
        """
        before = model.value(name)
        if before == value:
            return
        text = f"{model.field(name).title} of {model.spec.title}"
        self._stack.push(_Change(self, text, {model: {name: (before, value)}}, burst))

    def change(self, wanted: Mapping[ParameterModel, Mapping[str, Any]], text: str) -> None:
        """Change several parameters, of several steps, in one go."""
        changes = {}
        for model, values in wanted.items():
            found = {name: (model.value(name), value) for name, value in values.items()}
            found = {name: pair for name, pair in found.items() if pair[0] != pair[1]}
            if found:
                changes[model] = found
        if changes:
            self._stack.push(_Change(self, text, changes))

    def undo(self) -> None:
        """Take the last change back."""
        self._stack.undo()

    def redo(self) -> None:
        """Make the change again that was undone last."""
        self._stack.redo()

    def clear(self) -> None:
        """Forget all changes; the values stay."""
        self._stack.clear()

    def _on_index(self, _index: int) -> None:
        self.changed.emit()


_Changes = dict[ParameterModel, dict[str, tuple[Any, Any]]]


class _Change(QUndoCommand):
    """Values before and after, by parameter and step."""

    def __init__(self, history: ParameterHistory, text: str, changes: _Changes, burst: int = -1) -> None:
        super().__init__(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")
        self._history = history
        self._changes = changes
        self._burst = burst
        self._done = False

    def id(self) -> int:
        return _MERGES if self._burst >= 0 else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Change) or other._burst != self._burst or not self._same(other):
            return False
        for model, values in self._changes.items():
            for name, (before, _) in values.items():
                values[name] = (before, other._changes[model][name][1])
        unchanged = all(a == b for values in self._changes.values() for a, b in values.values())
        self.setObsolete(unchanged)
        return True

    def redo(self) -> None:
        self._set(1)
        if self._done:
            self._tell()
        self._done = True

    def undo(self) -> None:
        self._set(0)
        self._tell()

    def _same(self, other: _Change) -> bool:
        return {model: set(values) for model, values in self._changes.items()} == {
            model: set(values) for model, values in other._changes.items()
        }

    def _set(self, side: int) -> None:
        for model, values in self._changes.items():
            for name, pair in values.items():
                model.set_value(name, pair[side])

    def _tell(self) -> None:
        for model, values in self._changes.items():
            self._history.touched.emit(model.spec.name, next(iter(values)) if len(values) == 1 else "")
            return
