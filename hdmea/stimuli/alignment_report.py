"""What the alignment of all sections says of a recording: facts to tell, and marks for results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hdmea.stimuli.alignment import AlignedSection, Said, StatedSection

__all__ = ["FLIPS_LOST", "FRAMES_CORRECTED", "NOT_ALIGNED", "AlignmentReport", "FlipDecision", "report"]

NOT_ALIGNED = "not aligned"
FLIPS_LOST = "flips lost"
FRAMES_CORRECTED = "frames corrected"

Key = tuple[str, int]
_PLACED = ("checked", "lag", "elsewhere")


@dataclass(frozen=True)
class FlipDecision:
    """What became of an irregular interval between flips.

    Attributes
    ----------
    frame
        First display frame after the interval (of a double flip: its second one).
    count
        Refreshes by which it is too long; -1 for a double flip.
    said
        "lost", "late", "not known", or "double".
    time_s
        Time of `frame`.
    """

    frame: int
    count: int
    said: Said
    time_s: float

    @property
    def shift(self) -> int:
        """Frames by which later content comes earlier than counted: what is sure."""
        return self.count if self.said in ("lost", "double") else 0


@dataclass
class AlignmentReport:
    """What is told, and what results of each section are marked with.

    Attributes
    ----------
    common_lag
        Frames by which all checkable movies follow their flips; None if they do not agree or none is
        checkable.
    warnings, information
        Sentences.
    marks
        Movie and occurrence to its marks: (mark, cause).
    lags
        Movie and occurrence to the frames by which it was shown later than counted, where that is known.
    """

    common_lag: int | None = None
    warnings: list[str] = field(default_factory=list)
    information: list[str] = field(default_factory=list)
    marks: dict[Key, list[tuple[str, str]]] = field(default_factory=dict)
    lags: dict[Key, int] = field(default_factory=dict)


def report(
    aligned: Sequence[AlignedSection],
    *,
    interval_s: float,
    pad_frame: int,
    flips: Sequence[FlipDecision] = (),
    display_latency_frames: int | None = None,
    npy_lengths: Mapping[str, int] | None = None,
) -> AlignmentReport:
    """Sum up the alignment of all sections.

    Parameters
    ----------
    aligned
        From `hdmea.stimuli.alignment.align_sections`, in the order of showing.
    interval_s
        Duration of a display frame.
    pad_frame
        Frames before and after each movie by which the sections were planned.
    flips
        Irregular intervals, in their order.
    display_latency_frames
        Frames by which this display is known to follow its flips; that lag is not worth a word.
    npy_lengths
        Movie name to the number of frames of its file, where it differs from the stated length.
    """
    said = AlignmentReport()
    _say_flips(flips, said)
    placed = [entry for entry in aligned if entry.state in _PLACED]
    lags = {id(entry): entry.lag + _shift_before(entry, flips) for entry in placed}
    common = _common_lag(placed, lags, flips)
    said.common_lag = common
    expected = common if common is not None else 0
    absent = [entry for entry in aligned if entry.state not in _PLACED]
    if common is None:
        _say_differing(placed, absent, lags, pad_frame, npy_lengths or {}, said)
    elif common not in (0, display_latency_frames):
        said.warnings.append(_common_fact(common, interval_s, pad_frame, aligned, absent))
    for entry in aligned:
        if entry.shows:
            said.warnings.append(_shows(entry))
        _mark(
            entry, lags.get(id(entry)), expected, display_latency_frames, flips, interval_s, pad_frame, said
        )
    unchecked = [
        f"{entry.section.label} ({entry.reason})" for entry in aligned if entry.state == "not checkable"
    ]
    if unchecked:
        said.information.append(f"Not checkable by the light: {'; '.join(unchecked)}.")
    return said


def _shift_before(entry: AlignedSection, flips: Sequence[FlipDecision]) -> int:
    return sum(flip.shift for flip in flips if flip.frame <= entry.counted_from)


def _shift_at_start(entry: AlignedSection, flips: Sequence[FlipDecision]) -> int:
    start = entry.place - entry.begin
    return sum(flip.shift for flip in flips if flip.frame <= start)


def _common_lag(
    placed: Sequence[AlignedSection], lags: Mapping[int, int], flips: Sequence[FlipDecision]
) -> int | None:
    """Return the lag that no section contradicts and that most of the certain ones have."""
    if not placed:
        return None
    certain = [entry for entry in placed if len(entry.supports) <= 1 or entry.state != "checked"]
    lag, _ = Counter(lags[id(entry)] for entry in certain or placed).most_common(1)[0]
    for entry in placed:
        raw = lag - (lags[id(entry)] - entry.lag)
        if lags[id(entry)] != lag and raw not in entry.supports:
            return None
    return lag


def _frames(count: int) -> str:
    return f"{abs(count)} frame{'s' if abs(count) != 1 else ''}"


def _time(count: int, interval_s: float) -> str:
    seconds = abs(count) * interval_s
    return f"{_frames(count)} ({f'{seconds * 1000:.0f} ms' if seconds < 1 else f'{seconds:.2f} s'})"


def _common_fact(
    lag: int,
    interval_s: float,
    pad_frame: int,
    aligned: Sequence[AlignedSection],
    absent: Sequence[AlignedSection],
) -> str:
    first = aligned[0].section
    if _first_left_out(aligned, absent, lag, pad_frame):
        return (
            f"{first.label}, the first movie of the playlist, was not shown: all later movies come "
            f"{_time(lag, interval_s)} earlier than the playlist says. Correct the playlist, or give "
            "align='light'."
        )
    side = "after" if lag > 0 else "before"
    cause = "display latency, or frames counted wrongly at the start"
    return (
        f"The light of all movies comes {_time(lag, interval_s)} {side} their flips: {cause}. "
        "align='light' takes it into account; display_latency_frames= makes it silent where it is right."
    )


def _first_left_out(
    aligned: Sequence[AlignedSection], absent: Sequence[AlignedSection], lag: int, pad_frame: int
) -> bool:
    return bool(absent) and absent[0] is aligned[0] and lag == -_span(aligned[0].section, pad_frame)


def _say_differing(
    placed: Sequence[AlignedSection],
    absent: Sequence[AlignedSection],
    lags: Mapping[int, int],
    pad_frame: int,
    npy_lengths: Mapping[str, int],
    said: AlignmentReport,
) -> None:
    padding = _padding(placed, lags, pad_frame)
    if padding is not None:
        said.warnings.append(
            f"The light fits the playlist with a padding of {padding} frames, not {pad_frame}: give "
            f"pad_frame={padding}, or align='light'."
        )
        return
    before = 0
    previous: AlignedSection | None = None
    for entry in placed:
        lag = lags[id(entry)]
        raw = before - (lag - entry.lag)
        if lag == before or raw in entry.supports:
            previous = entry
            continue
        stays = _stays(placed, lags, entry)
        change = lag - before if stays else lag
        side = "later" if change > 0 else "earlier"
        said.warnings.append(
            f"{f'From {entry.section.label} on' if stays else entry.section.label}: the light fits "
            f"{_frames(change)} {side} than "
            f"{'the playlist says' if before == 0 or not stays else 'for the movies before'}"
            f"{_cause(change, previous, entry, absent, npy_lengths, pad_frame) if stays else ''}."
            " align='light' mends it."
        )
        if stays:
            before, previous = lag, entry


def _stays(placed: Sequence[AlignedSection], lags: Mapping[int, int], entry: AlignedSection) -> bool:
    later = placed[[id(other) for other in placed].index(id(entry)) + 1 :]
    return (bool(later) or entry.state == "lag") and all(
        lags[id(other)] == lags[id(entry)] or lags[id(entry)] in other.supports for other in later
    )


def _padding(placed: Sequence[AlignedSection], lags: Mapping[int, int], pad_frame: int) -> int | None:
    """Return the padding that explains all lags: each movie adds twice its error, the first one once."""
    order = [entry.section for entry in placed]
    if len(order) < 2:
        return None
    # The number of movies before each one, from the plan: content = pad + sum of (2 pad + length + 1).
    found = set()
    for entry in placed:
        n_before = entry.section.position
        found.add(lags[id(entry)] / (2 * n_before + 1))
    if len(found) != 1:
        return None
    error = found.pop()
    return pad_frame + int(error) if error == int(error) and error != 0 else None


def _cause(
    change: int,
    previous: AlignedSection | None,
    entry: AlignedSection,
    absent: Sequence[AlignedSection],
    npy_lengths: Mapping[str, int],
    pad_frame: int,
) -> str:
    start = -1 if previous is None else previous.section.position
    for left_out in absent:
        section = left_out.section
        if start < section.position < entry.section.position and change == -_span(section, pad_frame):
            return f", as if {section.label} had not been shown"
    if previous is None:
        return ""
    movie, length = previous.section.movie, previous.section.length
    if npy_lengths.get(movie) == length + change:
        return f": {movie}.npy has {length + change} frames, movie_length.csv says {length}"
    if change == _span(previous.section, pad_frame):
        return f", as if {movie} had been shown once more"
    if entry.section.position > start + 1 or length + change <= 0:
        return ""
    return f", as if {movie} had {length + change} frames and not {length} as movie_length.csv says"


def _span(section: StatedSection, pad_frame: int) -> int:
    """Return how many frames a movie takes in the playlist, with its padding."""
    return section.length + 2 * pad_frame + 1


def _shows(entry: AlignedSection) -> str:
    names = " or ".join(entry.shows)
    alike = " (their light is the same)" if len(entry.shows) > 1 else ""
    return f"Section of {entry.section.label}: the light is that of {names}{alike}."


def _say_flips(flips: Sequence[FlipDecision], said: AlignmentReport) -> None:
    lost = [flip for flip in flips if flip.said == "lost"]
    late = [flip for flip in flips if flip.said == "late"]
    if lost:
        said.warnings.append(
            f"Lost display flips: {sum(flip.count for flip in lost)} ({_times(lost)}). The light shows "
            "that the movie went on. Every later section starts as many frames too late; load the "
            "recording with frame_correction=True, or give align='light'."
        )
    if late:
        said.information.append(
            f"Late display frames: {len(late)} ({_times(late)}). The light shows that the movie waited. "
            "Nothing is shifted by them."
        )


def _times(flips: Sequence[FlipDecision]) -> str:
    listed = ", ".join(f"{flip.time_s:.3f} s" for flip in flips[:5])
    return f"at {listed}" + (f" and {len(flips) - 5} more" if len(flips) > 5 else "")


def _mark(
    entry: AlignedSection,
    lag: int | None,
    expected: int,
    latency: int | None,
    flips: Sequence[FlipDecision],
    interval_s: float,
    pad_frame: int,
    said: AlignmentReport,
) -> None:
    key = (entry.section.movie, entry.section.occurrence)
    marks = said.marks.setdefault(key, [])
    if said.common_lag and entry.section.position == 0 and entry.state not in _PLACED:
        if said.common_lag == -_span(entry.section, pad_frame):
            marks.append((NOT_ALIGNED, "it was not shown"))
            return
    if entry.state == "other movie":
        marks.append((NOT_ALIGNED, f"its light is that of {' or '.join(entry.shows)}"))
        return
    if entry.state == "not checkable":
        # What is true of all movies that can be checked is taken to be true of this one.
        off = expected if said.common_lag is not None else 0
    elif lag == expected or (lag is not None and expected - (lag - entry.lag) in entry.supports):
        off = expected
    else:
        off = lag or 0
    if entry.state != "not checkable" or said.common_lag is not None:
        said.lags[key] = off - _shift_at_start(entry, flips)
    if off not in (0, latency):
        side = "later" if off > 0 else "earlier"
        marks.append((NOT_ALIGNED, f"the light fits {_time(off, interval_s)} {side}"))
    first = entry.place - entry.begin
    lost = [flip for flip in flips if flip.said == "lost" and flip.frame < first + entry.section.length]
    if lost:
        inside = sum(flip.count for flip in lost if flip.frame > first)
        before = sum(flip.count for flip in lost) - inside
        parts = [f"{before} before it"] * (before > 0) + [f"{inside} during it"] * (inside > 0)
        marks.append((FLIPS_LOST, f"{' and '.join(parts)}"))
