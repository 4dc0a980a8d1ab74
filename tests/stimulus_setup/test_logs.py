"""Logs of stimulus programs: read, and placed on the recorded light."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hdmea.simulate.light_faults import Showing, courses_of, shown_light
from hdmea.stimulus_setup import RecordedStimulus
from hdmea.stimulus_setup.log import LoggedMovie, StimulusLog, log_reader, place_log, read_log
from hdmea.utils.exceptions import ConfigurationError, MismatchError

COURSES = courses_of()
BASELINE, STEPS, COLOURS, SINES, *_ = COURSES
ORDER = (STEPS, BASELINE, SINES)

QDSPY = """\
20250410_112000   ERROR No compiled `__autorun` in current stimulus folder
20250410_112000    DATA {{'stimState': 'STARTED', 'stimFileName': 'C:\\\\QDSpy\\\\__autorun_default'}}
20250410_112001    DATA {{'stimState': 'FINISHED', 'stimFileName': 'C:\\\\QDSpy\\\\__autorun_default'}}
20250410_112001    INFO 10.161 ms/frame (98.414 Hz), rendering: 0.310 ms (3 frames in total)
{shows}
20250410_113000    DATA {{'avgFreq_Hz': 60.1, 'nFrames': 3, 'nDroppedFrames': 0}}
20250410_113000         Saving log file to '.\\Logs\\20250410_113000.log' ...
"""


@pytest.fixture(scope="module")
def recorded() -> tuple[RecordedStimulus, dict[str, int]]:
    found = shown_light(Showing(ORDER, ORDER), seed=1)
    times = np.arange(found.light.mean.size) / 60 + 4.0
    known = RecordedStimulus(
        Path("rec.cmcr"),
        "rec",
        "display",
        found.light,
        times,
        np.array([found.true_content[STEPS]]),
        ("on",),
        courses=COURSES,
    )
    return known, found.true_content


def qdspy(tmp_path: Path, starts: dict[str, float]) -> Path:
    lines = []
    for name, start in starts.items():
        for state, at in (("STARTED", start), ("FINISHED", start + 10)):
            clock = f"20250410_11{20 + int(at) // 60:02d}{int(at) % 60:02d}"
            entry = {"stimFileName": f".\\Stimuli\\{name}", "stimState": state}
            lines.append(f"{clock}    DATA {entry}")
    path = tmp_path / "20250410_113000.log"
    path.write_text(QDSPY.format(shows="\n".join(lines)), encoding="utf-8")
    return path


def test_a_log_of_qdspy_is_placed_by_the_light(
    tmp_path: Path, recorded: tuple[RecordedStimulus, dict[str, int]]
) -> None:
    known, truth = recorded
    starts = {name: known.time_s(truth[name]) + 37.4 for name in ORDER}
    log = read_log(qdspy(tmp_path, starts))
    assert [entry.movie for entry in log.movies] == list(ORDER)
    assert log.clock == "other"
    assert log.movies[0].duration == 10
    placed = place_log(log, known)
    assert "recorded light" in placed.said
    steps, grey, sines = placed.blocks
    assert (steps.content_frame, steps.by) == (truth[STEPS], "light")
    assert (sines.content_frame, sines.by) == (truth[SINES], "light")
    assert grey.by == "log", "its level does not change: only the log says so"
    assert abs(grey.content_frame - truth[BASELINE]) <= 90
    assert grey.length == len(COURSES[BASELINE].levels)


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("time_s,name\n{0},{2}.mov\n{1},{3}\n", "seconds"),
        ("Onset;Stimulus;Duration\n{0:.2f};{2};4\n{1:.2f};{3};5\n", "seconds"),
        ("frame\tmovie\n{4}\t{2}\n{5}\t{3}\n", "frames"),
        ("{0},{2}\n{1},{3}\n", "seconds"),
    ],
)
def test_tables_of_time_and_name(
    tmp_path: Path, recorded: tuple[RecordedStimulus, dict[str, int]], text: str, clock: str
) -> None:
    known, truth = recorded
    places = truth[STEPS], truth[SINES]
    times = [known.time_s(place) for place in places]
    path = tmp_path / "shown.csv"
    path.write_text(text.format(*times, STEPS, SINES, *places), encoding="utf-8")
    log = read_log(path)
    assert log.clock == clock
    placed = place_log(log, known)
    assert [(block.movie, block.content_frame) for block in placed.blocks] == [
        (STEPS, truth[STEPS]), (SINES, truth[SINES]),
    ]  # fmt: skip


def test_without_light_a_log_begins_with_the_first_event(
    recorded: tuple[RecordedStimulus, dict[str, int]],
) -> None:
    known, truth = recorded
    log = StimulusLog((LoggedMovie("led", 100.0, 2.0), LoggedMovie("led", 110.0)), "other")
    placed = place_log(log, known)
    assert [block.content_frame for block in placed.blocks] == [truth[STEPS], truth[STEPS] + 600]
    assert [block.length for block in placed.blocks] == [120, 300]
    assert "first digital event" in placed.said
    assert [block.label for block in placed.blocks] == ["led", "led#2"]
    seconds = place_log(StimulusLog(log.movies, "seconds"), known)
    assert seconds.blocks[0].content_frame == 96 * 60
    with pytest.raises(MismatchError, match="Nothing of this log"):
        place_log(StimulusLog((LoggedMovie("led", 1e6),), "seconds"), known)


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "time_s,name\n-1,x\n", "time_s,name\nlate,x\n", "time_s,name\n1,\n"]
)
def test_what_is_not_a_log_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "shown.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"shown\.csv"):
        read_log(path)


def test_other_formats_are_declared_by_a_function(tmp_path: Path) -> None:
    @log_reader(name="mine", title="My program", suffixes=(".mine",))
    def mine(path: Path) -> StimulusLog | None:
        return StimulusLog((LoggedMovie(path.stem, 1.0),), "seconds")

    assert mine.read(tmp_path / "flash.mine").movies[0].movie == "flash"  # type: ignore[union-attr]
    assert (mine.name, mine.suffixes) == ("mine", (".mine",))
