"""A line above the views that says which results are stale and why, or which steps need the stimulus."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from hdmea_gui.models.steps import StepListModel, StepState
from hdmea_gui.widgets.elided_label import ElidedLabel

__all__ = ["StaleStrip"]


class StaleStrip(QWidget):
    """Visible while the session has stale results or steps lack the stimulus, whichever view is shown.

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
    setup_asked()
        Say what was shown.
    """

    run_asked = Signal()
    setup_asked = Signal()

    def __init__(self, steps: StepListModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps = steps
        self.setObjectName("stale")
        self.text = ElidedLabel(self, Qt.AlignmentFlag.AlignLeft)
        self.text.setProperty("role", "warning")
        self.button = QToolButton(self)
        self.button.setToolTip("Do what brings the results up to date")
        self.button.clicked.connect(self._on_button)
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
        lacking = self._steps.waiting_for_stimulus
        if stale:
            self.text.setText(f"⚠ Stale: {titles} ({'; '.join(causes)})")
            self.button.setText("Run stale steps")
            self.button.setToolTip("Recompute the stale results with the parameters shown")
        elif lacking:
            listed = ", ".join(item.spec.title for item in lacking)
            verb = "needs" if len(lacking) == 1 else "need"
            self.text.setText(f"⚠ {listed} {verb} the stimulus: nothing says what was shown")
            self.button.setText("Set up stimuli…")
            self.button.setToolTip("Find out from the recorded light what was shown, and say what it was")
        self.setVisible(bool(stale or lacking))

    def _on_button(self) -> None:
        (self.run_asked if self.stale_steps else self.setup_asked).emit()
