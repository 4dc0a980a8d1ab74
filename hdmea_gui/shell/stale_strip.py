"""A line above the views that says which of the results shown are stale, and why."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from hdmea_gui.models.steps import StepListModel, StepState
from hdmea_gui.widgets.elided_label import ElidedLabel

__all__ = ["StaleStrip"]


class StaleStrip(QWidget):
    """Visible while the session has stale results, whichever view is shown.

    Parameters
    ----------
    steps
        The step list.
    parent
        Qt parent.

    Signals
    -------
    run_asked()
        Compute the stale results again.
    """

    run_asked = Signal()

    def __init__(self, steps: StepListModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps = steps
        self.setObjectName("stale")
        self.text = ElidedLabel(self, Qt.AlignmentFlag.AlignLeft)
        self.text.setProperty("role", "warning")
        self.button = QToolButton(self)
        self.button.setText("Run stale steps")
        self.button.setToolTip("Recompute the stale results with the parameters shown")
        self.button.clicked.connect(self.run_asked)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 4, 2)
        row.addWidget(self.text, 1)
        row.addWidget(self.button)
        steps.states_changed.connect(self.refresh)
        steps.modelReset.connect(self.refresh)
        self.refresh()

    @property
    def stale_steps(self) -> tuple[str, ...]:
        """Names of the stale steps, in their order."""
        return tuple(item.spec.name for item in self._steps.items if item.state is StepState.STALE)

    def refresh(self) -> None:
        """Say what is stale now."""
        stale = [item for item in self._steps.items if item.state is StepState.STALE]
        causes = dict.fromkeys(item.detail.removeprefix("stale: ").partition("  ·  ")[0] for item in stale)
        titles = ", ".join(item.spec.title for item in stale)
        self.text.setText(f"⚠ Stale: {titles} ({'; '.join(causes)})" if stale else "")
        self.setVisible(bool(stale))
