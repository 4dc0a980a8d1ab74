"""Parts of long work on the window's thread: other events come between them, the newest request wins."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QObject

from hdmea_gui.shell.colour_scheme import SlicedCalls


class Listener(QObject):
    """Notes that the event loop went round."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__()
        self._seen = seen

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.User:
            self._seen.append("event")
        return super().event(event)


def test_events_come_between_the_parts(qtbot: Any) -> None:
    seen: list[str] = []
    listener, slices = Listener(seen), SlicedCalls(parent := QObject())

    def part(name: str) -> None:
        seen.append(name)
        QCoreApplication.postEvent(listener, QEvent(QEvent.Type.User))

    slices.begin([lambda: part("a"), lambda: part("b"), lambda: part("c")])
    assert seen == [], "nothing before the event loop runs"
    qtbot.waitUntil(lambda: seen.count("event") == 3, timeout=20_000)

    assert seen == ["a", "event", "b", "event", "c", "event"]
    parent.deleteLater()


def test_a_newer_request_takes_the_place_of_what_is_left(qtbot: Any) -> None:
    seen: list[str] = []
    slices = SlicedCalls(parent := QObject())

    slices.begin([lambda: seen.append("old"), lambda: slices.begin([lambda: seen.append("new")]), seen.clear])
    qtbot.waitUntil(lambda: "new" in seen, timeout=20_000)

    assert seen == ["old", "new"]
    parent.deleteLater()


def test_the_rest_can_be_done_at_once(qtbot: Any) -> None:
    seen: list[str] = []
    slices = SlicedCalls(parent := QObject())

    slices.begin([lambda: seen.append("a"), lambda: seen.append("b")])
    slices.finish()

    assert seen == ["a", "b"]
    parent.deleteLater()
