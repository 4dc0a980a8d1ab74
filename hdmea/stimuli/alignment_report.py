"""What the alignment of all sections says of a recording: facts to tell, and marks for results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hdmea.stimuli.alignment import SEARCH_S, AlignedSection, Said
from hdmea.utils.fixes import Either, Fix, SetParameter
from hdmea.utils.notices import Notice

__all__ = ["FLIPS_LOST", "FRAMES_CORRECTED", "NOT_ALIGNED", "AlignmentReport", "FlipDecision", "report"]

NOT_ALIGNED = "not aligned"
FLIPS_LOST = "flips lost"
FRAMES_CORRECTED = "frames corrected"

Key = tuple[str, int]
_LONGEST_LATENCY_S = 0.2
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
    known_lengths: Mapping[str, int] | None = None,
    shifted: bool = False,
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
        Movie name to the number of frames of its file.
    known_lengths
        Movie name to its stated length, of all movies that may have been shown.
    shifted
        Whether sections are shifted by their lag: what that mends is information then.
    """
    facts = _Facts(
        tuple(aligned),
        interval_s,
        pad_frame,
        tuple(flips),
        display_latency_frames,
        npy_lengths or {},
        known_lengths or {},
        shifted,
    )
    return facts.report()


def _frames(count: int) -> str:
    return f"{abs(count)} frame{'s' if abs(count) != 1 else ''}"


@dataclass(frozen=True)
class _Facts:
    """What is known of a recording, and what follows from it; the fields are those of `report`."""

    aligned: tuple[AlignedSection, ...]
    interval_s: float
    pad_frame: int
    flips: tuple[FlipDecision, ...]
    latency: int | None
    npy_lengths: Mapping[str, int]
    known_lengths: Mapping[str, int]
    shifted: bool

    @cached_property
    def placed(self) -> tuple[AlignedSection, ...]:
        """Sections whose light was found."""
        return tuple(entry for entry in self.aligned if entry.state in _PLACED)

    @cached_property
    def absent(self) -> tuple[AlignedSection, ...]:
        """Sections whose light was not found."""
        return tuple(entry for entry in self.aligned if entry.state not in _PLACED)

    def lag(self, entry: AlignedSection) -> int:
        """Return the lag of a placed section that irregular flips do not explain."""
        return entry.lag + sum(flip.shift for flip in self.flips if flip.frame <= entry.counted_from)

    def fits(self, entry: AlignedSection, lag: int) -> bool:
        """Whether a placed section does not contradict a lag."""
        return self.lag(entry) == lag or lag - (self.lag(entry) - entry.lag) in entry.supports

    def span(self, length: int) -> int:
        """Return how many frames a movie takes in the playlist, with its padding."""
        return length + 2 * self.pad_frame + 1

    def time(self, count: int) -> str:
        """Return a number of frames with the time that they take."""
        seconds = abs(count) * self.interval_s
        return f"{_frames(count)} ({f'{seconds * 1000:.0f} ms' if seconds < 1 else f'{seconds:.2f} s'})"

    @cached_property
    def common(self) -> int | None:
        """The lag that no section contradicts and that most of the certain ones have."""
        if not self.placed:
            return None
        certain = [entry for entry in self.placed if len(entry.supports) <= 1 or entry.state != "checked"]
        lag, _ = Counter(map(self.lag, certain or self.placed)).most_common(1)[0]
        return lag if all(self.fits(entry, lag) for entry in self.placed) else None

    def report(self) -> AlignmentReport:
        said = AlignmentReport(self.common)
        mendable = said.information if self.shifted else said.warnings
        self._say_flips(said, mendable)
        if self.common is None:
            mendable += self._differing()
        elif self.common not in (0, self.latency):
            mendable.append(self._common_fact(self.common))
        for entry in self.aligned:
            if entry.shows:
                # A section that is shifted to its own light is not concerned any more.
                (mendable if entry.state in _PLACED else said.warnings).append(self._shows(entry))
        said.warnings += [
            f"The place of {entry.section.label} cannot be decided: {self._doubt(entry)}."
            for entry in self.aligned
            if self._doubt(entry)
        ]
        for entry in self.aligned:
            self._mark(entry, said)
        unchecked = [
            f"{entry.section.label} ({entry.reason})"
            for entry in self.aligned
            if entry.state == "not checkable" and not entry.undecided
        ]
        if unchecked:
            said.information.append(f"Not checkable by the light: {'; '.join(unchecked)}.")
        return said

    def _notice(self, text: str, *fixes: Fix) -> Notice:
        """Return a sentence with what mends it; sections that are shifted already need nothing more."""
        if self.shifted:
            return Notice(f"{text} Sections are shifted by that.")
        every = (*fixes, SetParameter("align", "add_section_time", value="light"))
        return Notice(text, fix=every[0] if len(every) == 1 else Either(every))

    def _common_fact(self, lag: int) -> Notice:
        first = self.aligned[0]
        if self._first_left_out(first):
            return self._notice(
                f"{first.section.label}, the first movie of the playlist, was not shown: all later movies "
                f"begin {self.time(lag)} earlier than the playlist says."
            )
        side = "after" if lag > 0 else "before"
        what = f"The light of all movies comes {self.time(lag)} {side} their flips"
        cause = self._cause_before(self.placed[0], lag)
        if cause:
            return self._notice(f"{what}{cause}.")
        if abs(lag) * self.interval_s > _LONGEST_LATENCY_S:
            return self._notice(f"{what}: playlist, lengths, padding or the count of frames is wrong.")
        return self._notice(
            f"{what}: display latency, or frames counted wrongly at the start.",
            SetParameter("display_latency_frames", "add_section_time", value=lag),
        )

    def _first_left_out(self, entry: AlignedSection) -> bool:
        is_first = entry is self.aligned[0] and entry.state not in _PLACED
        return is_first and self.common == -self.span(entry.section.length)

    def _cause_before(self, entry: AlignedSection, change: int) -> str:
        """Explain a lag of the first placed section by what is said to come before it."""
        for movie, length in self.known_lengths.items():
            if change == self.span(length):
                return f", as if {movie} had been shown before, which the playlist does not say"
        for before in self.absent:
            section = before.section
            if section.position < entry.section.position and self._length_error(before) == change:
                in_file = section.length + change
                return f": {section.movie}.npy has {in_file} frames, movie_length.csv says {section.length}"
        return ""

    def _differing(self) -> list[Notice]:
        padding = self._padding()
        if padding is not None:
            return [
                self._notice(
                    f"The light fits the playlist with a padding of {padding} frames, not {self.pad_frame}.",
                    SetParameter("pad_frame", "add_section_time", value=padding),
                )
            ]
        told = []
        before = 0
        previous: AlignedSection | None = None
        for entry in self.placed:
            if self.fits(entry, before):
                previous = entry
                continue
            lag = self.lag(entry)
            stays = self._stays(entry)
            change = lag - before if stays else lag
            side = "later" if change > 0 else "earlier"
            than = "the playlist says" if before == 0 or not stays else "for the movies before"
            where = f"From {entry.section.label} on" if stays else entry.section.label
            cause = self._cause(change, previous, entry) if stays else ""
            told.append(self._notice(f"{where}: the light fits {_frames(change)} {side} than {than}{cause}."))
            if stays:
                before, previous = lag, entry
        return told

    @cached_property
    def persisting(self) -> dict[AlignedSection, int]:
        """Where lags differ, that of each section: the one before it, unless the light contradicts that."""
        padding = self._padding()
        if padding is not None:
            error = padding - self.pad_frame
            return {entry: error * (2 * entry.section.position + 1) for entry in self.aligned}
        found = {}
        running = 0
        for entry in self.aligned:
            found[entry] = running
            if entry.state in _PLACED and not self.fits(entry, running):
                found[entry] = self.lag(entry)
                running = self.lag(entry) if self._stays(entry) else running
        return found

    def _stays(self, entry: AlignedSection) -> bool:
        """Whether the lag of a section is that of all later ones."""
        later = self.placed[self.placed.index(entry) + 1 :]
        one_fault = bool(later) or entry.state == "lag"
        return one_fault and all(self.fits(other, self.lag(entry)) for other in later)

    def _padding(self) -> int | None:
        """Return the padding that explains all lags: each movie adds twice its error, the first one once."""
        found = {self.lag(entry) / (2 * entry.section.position + 1) for entry in self.placed}
        if len(self.placed) < 2 or len(found) != 1:
            return None
        error = found.pop()
        return self.pad_frame + int(error) if error == int(error) and error != 0 else None

    def _cause(self, change: int, previous: AlignedSection | None, entry: AlignedSection) -> str:
        start = -1 if previous is None else previous.section.position
        for left_out in self.absent:
            section = left_out.section
            if start < section.position < entry.section.position and change == -self.span(section.length):
                return f", as if {section.label} had not been shown"
        if previous is None:
            return self._cause_before(entry, change)
        movie, length = previous.section.movie, previous.section.length
        if self.npy_lengths.get(movie) == length + change:
            return f": {movie}.npy has {length + change} frames, movie_length.csv says {length}"
        for other, other_length in self.known_lengths.items():
            if change == self.span(other_length):
                return f", as if {other} had been shown before, which the playlist does not say"
        if entry.section.position > start + 1 or length + change <= 0:
            return ""
        return f", as if {movie} had {length + change} frames and not {length} as movie_length.csv says"

    def _shows(self, entry: AlignedSection) -> str:
        names = " or ".join(entry.shows)
        alike = " (their light is the same)" if len(entry.shows) > 1 else ""
        return f"Section of {entry.section.label}: the light is that of {names}{alike}."

    def _say_flips(self, said: AlignmentReport, mendable: list[str]) -> None:
        lost = [flip for flip in self.flips if flip.said == "lost"]
        late = [flip for flip in self.flips if flip.said == "late"]
        if lost:
            mendable.append(
                self._notice(
                    f"Lost display flips: {sum(flip.count for flip in lost)} ({_times(lost)}). The light "
                    "shows that the movie continued. Every later section starts as many frames too late.",
                    SetParameter("frame_correction", "load_recording", value=True),
                )
            )
        if late:
            said.information.append(
                f"Late display frames: {len(late)} ({_times(late)}). The light shows that the movie waited. "
                "Nothing is shifted by them."
            )

    def _off(self, entry: AlignedSection) -> int | None:
        """Return the lag that a section is taken to have, None if nothing is known."""
        if entry.state not in _PLACED:
            # What is true of all movies that can be checked is taken to be true of this one, unless a movie
            # too many or too few between them and it may be the reason.
            if entry.state == "other movie" or not self.placed:
                return None
            if self.common is None:
                return self.persisting[entry] or None
            return None if self._before_the_fault(entry) or self._doubt(entry) else self.common
        if self.common is not None and self.fits(entry, self.common):
            return self.common
        return self.lag(entry) if self.common is not None else self.persisting[entry]

    def _before_the_fault(self, entry: AlignedSection) -> bool:
        """Whether a common lag is due to the stated length of a movie that is not before this section."""
        first = self.placed[0].section.position
        wrong = [
            before.section.position
            for before in self.absent
            if before.section.position < first and self._length_error(before) == self.common
        ]
        return bool(self.common and wrong) and entry.section.position <= wrong[0]

    def _length_error(self, entry: AlignedSection) -> int:
        return self.npy_lengths.get(entry.section.movie, entry.section.length) - entry.section.length

    def _doubt(self, entry: AlignedSection) -> str:
        """Return why the place of a section cannot be decided; empty if nothing speaks against it."""
        if entry.undecided:
            return entry.reason
        if entry.state != "not checkable":
            return ""
        if self.common is None:
            return self._doubt_between(entry)
        lag = self.common
        before_all = entry.section.position < self.placed[0].section.position
        if not before_all or abs(lag) * self.interval_s <= SEARCH_S:
            return ""
        if self._first_left_out(entry) or self._before_the_fault(entry):
            return ""
        return f"the light of all later movies fits {self.time(lag)} {'later' if lag > 0 else 'earlier'}"

    def _doubt_between(self, entry: AlignedSection) -> str:
        """Return the doubt about a section between movies of differing lags; none if its length is why."""
        if not self.placed or self._padding() is not None:
            return ""
        before = self.persisting[entry]
        after = next((o for o in self.placed if o.section.position > entry.section.position), None)
        if after is None or self.fits(after, before):
            return ""
        if not (self._stays(after) or after is self.placed[-1]):
            return ""
        change = self.lag(after) - before
        if change == self._length_error(entry):
            return ""
        side = "later" if change > 0 else "earlier"
        return f"from {after.section.label} on, the light fits {self.time(change)} {side} than before"

    def _mark(self, entry: AlignedSection, said: AlignmentReport) -> None:
        key = (entry.section.movie, entry.section.occurrence)
        marks = said.marks.setdefault(key, [])
        if self._first_left_out(entry):
            marks.append((NOT_ALIGNED, "it was not shown"))
            return
        if entry.state == "other movie":
            marks.append((NOT_ALIGNED, f"its light is that of {' or '.join(entry.shows)}"))
            return
        if self._doubt(entry):
            marks.append((NOT_ALIGNED, f"its place cannot be decided: {self._doubt(entry)}"))
            return
        off = self._off(entry)
        first = entry.place - entry.begin
        if off is not None:
            said.lags[key] = off - sum(flip.shift for flip in self.flips if flip.frame <= first)
            if off not in (0, self.latency):
                side = "later" if off > 0 else "earlier"
                marks.append((NOT_ALIGNED, f"the light fits {self.time(off)} {side}"))
        end = first + entry.section.length
        lost = [flip for flip in self.flips if flip.said == "lost" and flip.frame < end]
        if lost:
            inside = sum(flip.count for flip in lost if flip.frame > first)
            before = sum(flip.count for flip in lost) - inside
            parts = [f"{before} before it"] * (before > 0) + [f"{inside} during it"] * (inside > 0)
            marks.append((FLIPS_LOST, " and ".join(parts)))


def _times(flips: Sequence[FlipDecision]) -> str:
    listed = ", ".join(f"{flip.time_s:.3f} s" for flip in flips[:5])
    return f"at {listed}" + (f" and {len(flips) - 5} more" if len(flips) > 5 else "")
