"""Left side of the window: flow, step list, parameters, buttons."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hdmea_gui.actions import ActionSet
from hdmea_gui.controller import Controller
from hdmea_gui.theme import Theme
from hdmea_gui.widgets.parameter_form import ParameterForm
from hdmea_gui.widgets.step_list import StepListView

__all__ = ["StepPanel"]


class StepPanel(QWidget):
    """Shows the steps and the parameters of the chosen one; `changed` when either may have changed."""

    changed = Signal()

    def __init__(
        self, controller: Controller, actions: ActionSet, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._controller = controller
        self.list = StepListView(controller.steps, theme, self)
        self.form = ParameterForm(theme, self)
        self.flows = QComboBox(self)
        self.flows.setObjectName("flow")
        self.flows.setToolTip("What “Run all” runs")
        self.flows.setAccessibleName("Flow")
        self.flows.currentIndexChanged.connect(self._on_flow)
        self._lay_out(actions)
        self.list.chosen.connect(self._on_chosen)
        self.list.run_asked.connect(actions["run_step"].trigger)
        self.form.checked.connect(self.changed)
        controller.steps.modelReset.connect(self._on_steps)
        controller.steps.dataChanged.connect(lambda *_: self.changed.emit())

    def show_flows(self) -> None:
        """Show the flows that the engine knows."""
        self.flows.blockSignals(True)
        self.flows.clear()
        for flow in self._controller.catalogue.flows:
            self.flows.addItem(flow.title, flow.name)
            self.flows.setItemData(self.flows.count() - 1, flow.help, Qt.ItemDataRole.ToolTipRole)
        self.flows.setCurrentIndex(self.flows.findData(self._controller.flow))
        self.flows.blockSignals(False)
        self.flows.setEnabled(self.flows.count() > 1)

    def apply_theme(self, theme: Theme) -> None:
        """Draw in the colours of a theme."""
        self.list.apply_theme(theme)
        self.form.apply_theme(theme)

    def _lay_out(self, actions: ActionSet) -> None:
        heading = QLabel("Steps", self)
        heading.setProperty("role", "heading")
        label = QLabel("Flow", self)
        label.setProperty("role", "muted")
        top = QHBoxLayout()
        top.setContentsMargins(10, 6, 8, 4)
        top.addWidget(heading)
        top.addStretch(1)
        top.addWidget(label)
        top.addSpacing(4)
        top.addWidget(self.flows)
        upper = QWidget(self)
        upper_layout = QVBoxLayout(upper)
        upper_layout.setContentsMargins(0, 0, 0, 0)
        upper_layout.setSpacing(0)
        upper_layout.addLayout(top)
        upper_layout.addWidget(self.list)
        splitter = QSplitter(Qt.Orientation.Vertical, self)
        splitter.addWidget(upper)
        splitter.addWidget(self.form)
        splitter.setStretchFactor(0, 1)
        splitter.setStretchFactor(1, 1)
        splitter.setChildrenCollapsible(False)
        splitter.setSizes([310, 250])
        buttons = QHBoxLayout()
        buttons.setContentsMargins(8, 4, 8, 6)
        buttons.setSpacing(6)
        for name in ("run_step", "run_all", "stop"):
            button = QToolButton(self)
            button.setDefaultAction(actions[name])
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setObjectName(f"{name}_button")
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(splitter, 1)
        layout.addLayout(buttons)

    def _on_steps(self) -> None:
        self.show_flows()
        if self._controller.steps.rowCount():
            self.list.setCurrentIndex(self._controller.steps.index(0))
        else:
            self.form.show_model(None)

    def _on_chosen(self, name: str) -> None:
        self.form.show_model(self._controller.parameters(name))
        self.changed.emit()

    def _on_flow(self, _index: int) -> None:
        self._controller.choose_flow(self.flows.currentData())
