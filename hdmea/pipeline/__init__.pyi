"""Made from the declarations of the steps by ``python -m hdmea.pipeline.stub``; do not edit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

from hdmea.declare import StepDefinition as StepDefinition
from hdmea.declare import all_steps as all_steps
from hdmea.declare import get_step as get_step
from hdmea.pipeline.combined import load_recording_with_eimage_sta as load_recording_with_eimage_sta
from hdmea.pipeline.flows import list_available_flows as list_available_flows
from hdmea.pipeline.flows import run_flow as run_flow
from hdmea.pipeline.loader import load_session_from_hdf5 as load_session_from_hdf5
from hdmea.pipeline.results import ExtractionResult as ExtractionResult
from hdmea.pipeline.results import FlowResult as FlowResult
from hdmea.pipeline.results import LoadResult as LoadResult
from hdmea.pipeline.results import LoadWithEImageSTAResult as LoadWithEImageSTAResult
from hdmea.pipeline.results import SectionResult as SectionResult
from hdmea.pipeline.results import STAResult as STAResult
from hdmea.pipeline.run import run_step as run_step
from hdmea.pipeline.session import PipelineSession as PipelineSession
from hdmea.pipeline.session import SaveState as SaveState
from hdmea.pipeline.session import create_session as create_session
from hdmea.pipeline.unit_outputs import UnitsResult

__all__: list[str]

@overload
def add_section_time(
    hdf5_path: str | Path | PipelineSession | None = ...,
    playlist_name: str | None = ...,
    *,
    repeats: int = ...,
    pad_frame: int = ...,
    pre_margin_frame_num: int = ...,
    post_margin_frame_num: int = ...,
    force: bool = ...,
    strict: bool = ...,
    session: PipelineSession,
    defer_save: bool = ...,
    layout: str | None = ...,
    playlist_file_path: str | Path | None = ...,
    movie_length_file_path: str | Path | None = ...,
    reanchor: dict[str, int] | None = ...,
    align: Literal["none", "light"] = ...,
    stimuli_path: str | Path | None = ...,
    display_latency_frames: int | None = ...,
    light_delay: Literal["none", "measured"] | float = ...,
    calibration_path: str | Path | None = ...,
) -> PipelineSession:
    """Say when each movie of a playlist was shown, and average the light over its showings.

    Frames are counted through the playlist; `content_frame` of each section is the frame of the movie's
    first image. Sections that reach outside the recorded frames are clipped; movies after a gap in the
    recording have no section until they are re-anchored. Sections of `add_section_time_analog` stay. A list
    of stimuli with times and durations does without a display: each showing is one trial then.

    On a file: True when the sections are in place. A call without ``strict=True`` logs what follows as a
    warning, and returns False or the session as it was.

    Parameters
    ----------
    hdf5_path
        Result file to work on, or a session, which is saved first if it has no file yet.
    playlist_name : str | None
        Name of the playlist that was shown; by default the only one there.
    repeats : int
        How often the whole playlist was shown.
    pad_frame : int, in frames
        Frames before and after each movie.
    pre_margin_frame_num : int, in frames
        Frames of a section before its movie.
    post_margin_frame_num : int, in frames
        Frames of a section after its movie.
    force
        Recompute existing results.
    strict
        Raise an error where the step cannot run, in place of a logged warning and False.
    session
        Session to work on, in memory; it is returned and nothing is written.
    defer_save
        Return a new session that contains the data; nothing is written.
    layout
        Layout of the file: ``columns``, ``lab`` or ``lab-steps``. Default: that which the file has;
        ``lab-steps`` for a new one.
    playlist_file_path : str | Path | None
        playlist.csv; by default beside the recording, then in the stimulus library.
    movie_length_file_path : str | Path | None
        movie_length.csv; by default beside the recording, then in the stimulus library.
    reanchor : dict[str, int] | None, in samples
        After a gap in the recording: movie (its second showing: movie#2) to the sample at which its
        first image was shown. Later movies are counted on from there.
    align : typing.Literal['none', 'light']
        Where the recorded light of a movie fits at another display frame than counted: leave the
        section where it is and mark it, or shift it (light).
    stimuli_path : str | Path | None
        A list of what was shown (.stimuli.json), which is used in place of a playlist.
    display_latency_frames : int | None, in frames
        Frames by which the light of this display is known to follow its flips; nothing is said of that
        lag.
    light_delay : typing.Literal['none', 'measured'] | float, in ms
        Delay of the light after its flip within a frame, which is subtracted from latencies: none, the
        delay measured in each section, or milliseconds.
    calibration_path : str | Path | None
        Stimulus calibration with the light_spot that the photodiode sees; by default it sees the full
        field.

    Raises
    ------
    MissingInputError
        If the recording has no display frames, or all movies begin after a gap in it.
    ConfigurationError
        If there is no such playlist (the known ones are listed), or the length of a movie is not known.
    MismatchError
        If no movie of the playlist is within the recorded frames.
    """
    ...

@overload
def add_section_time(
    hdf5_path: str | Path | PipelineSession | None = ...,
    playlist_name: str | None = ...,
    *,
    repeats: int = ...,
    pad_frame: int = ...,
    pre_margin_frame_num: int = ...,
    post_margin_frame_num: int = ...,
    force: bool = ...,
    strict: bool = ...,
    session: None = None,
    defer_save: Literal[True],
    layout: str | None = ...,
    playlist_file_path: str | Path | None = ...,
    movie_length_file_path: str | Path | None = ...,
    reanchor: dict[str, int] | None = ...,
    align: Literal["none", "light"] = ...,
    stimuli_path: str | Path | None = ...,
    display_latency_frames: int | None = ...,
    light_delay: Literal["none", "measured"] | float = ...,
    calibration_path: str | Path | None = ...,
) -> PipelineSession: ...
@overload
def add_section_time(
    hdf5_path: str | Path | PipelineSession | None = ...,
    playlist_name: str | None = ...,
    *,
    repeats: int = ...,
    pad_frame: int = ...,
    pre_margin_frame_num: int = ...,
    post_margin_frame_num: int = ...,
    force: bool = ...,
    strict: bool = ...,
    session: None = None,
    defer_save: Literal[False] = False,
    layout: str | None = ...,
    playlist_file_path: str | Path | None = ...,
    movie_length_file_path: str | Path | None = ...,
    reanchor: dict[str, int] | None = ...,
    align: Literal["none", "light"] = ...,
    stimuli_path: str | Path | None = ...,
    display_latency_frames: int | None = ...,
    light_delay: Literal["none", "measured"] | float = ...,
    calibration_path: str | Path | None = ...,
) -> bool: ...
@overload
def add_section_time_analog(
    hdf5_path: str | Path | PipelineSession | None = ...,
    threshold_value: float = ...,
    *,
    movie_name: str = ...,
    plot_duration: float = ...,
    repeat: int | None = ...,
    force: bool = ...,
    strict: bool = ...,
    session: PipelineSession,
    defer_save: bool = ...,
    layout: str | None = ...,
    after_frames: bool = ...,
    min_distance_s: float | None = ...,
) -> PipelineSession:
    """Find sections by the steps of the light signal.

    Onsets are local maxima of the difference of `raw_ch1`; each section lasts `plot_duration` and is one
    trial. Existing sections stay.

    On a file: True when the sections are in place. A call without ``strict=True`` logs what follows as a
    warning, and returns False or the session as it was.

    Parameters
    ----------
    hdf5_path
        Result file to work on, or a session, which is saved first if it has no file yet.
    threshold_value : float, in counts
        Smallest step of the light signal from one sample to the next that is an onset.
    movie_name : str
        Name that the sections get.
    plot_duration : float, in s
        Length of each section.
    repeat : int | None
        How many onsets are used, from the first; by default all.
    force
        Recompute existing results.
    strict
        Raise an error where the step cannot run, in place of a logged warning and False.
    session
        Session to work on, in memory; it is returned and nothing is written.
    defer_save
        Return a new session that contains the data; nothing is written.
    layout
        Layout of the file: ``columns``, ``lab`` or ``lab-steps``. Default: that which the file has;
        ``lab-steps`` for a new one.
    after_frames : bool
        Search after the last display frame only.
    min_distance_s : float | None, in s
        Of onsets that are closer to each other the larger step counts; by default 0.8 of the duration.

    Raises
    ------
    MissingInputError
        If there is no light signal, or no step of that size in the part that is searched.
    ValidationError
        If a movie of the playlist has the same name, or there are more than 10 000 onsets.
    """
    ...

@overload
def add_section_time_analog(
    hdf5_path: str | Path | PipelineSession | None = ...,
    threshold_value: float = ...,
    *,
    movie_name: str = ...,
    plot_duration: float = ...,
    repeat: int | None = ...,
    force: bool = ...,
    strict: bool = ...,
    session: None = None,
    defer_save: Literal[True],
    layout: str | None = ...,
    after_frames: bool = ...,
    min_distance_s: float | None = ...,
) -> PipelineSession: ...
@overload
def add_section_time_analog(
    hdf5_path: str | Path | PipelineSession | None = ...,
    threshold_value: float = ...,
    *,
    movie_name: str = ...,
    plot_duration: float = ...,
    repeat: int | None = ...,
    force: bool = ...,
    strict: bool = ...,
    session: None = None,
    defer_save: Literal[False] = False,
    layout: str | None = ...,
    after_frames: bool = ...,
    min_distance_s: float | None = ...,
) -> bool: ...
@overload
def compute_eimage_sta(
    hdf5_path: str | Path | PipelineSession | None = ...,
    cmcr_path: str | Path | None = ...,
    *,
    duration_s: float | None = ...,
    spike_limit: int = ...,
    unit_ids: Sequence[str | int] | None = ...,
    window_range: Sequence[int] = ...,
    cutoff_hz: float = ...,
    force: bool = ...,
    session: PipelineSession,
    defer_save: bool = ...,
    layout: str | None = ...,
    filter_order: int = ...,
    skip_highpass: bool = ...,
    chunk_duration_s: float = ...,
    bad_electrodes: Sequence[Sequence[int]] | None = ...,
    min_spikes: int = ...,
    min_image_snr: float = ...,
) -> PipelineSession:
    """Average the raw voltage of all electrodes around each unit's spikes.

    The raw signal of every electrode is high-passed without phase shift over each gapless part of the
    recording; the windows around the accepted spikes of the first `duration_s` seconds are averaged. Stored
    per unit as ``features/eimage_sta``: float32 (window, rows, columns) in the unit that the file's factors
    give, NaN where no spike could be used.

    Parameters
    ----------
    hdf5_path
        Result file to work on, or a session, which is saved first if it has no file yet.
    cmcr_path : str | Path | None
        The .cmcr file; by default the one that the recording was loaded from.
    duration_s : float | None, in s
        Spikes of the first so many seconds are used; None: of the whole recording.
    spike_limit : int, in spikes
        Only the first so many spikes of a unit are used; 0: all.
    unit_ids : tuple[str | int, ...] | None
        Unit ids or numbers; by default all units.
    window_range : tuple[int, int], in samples
        Samples relative to the spike; the second is not included.
    cutoff_hz : float, in Hz
        Frequency at which forward and backward pass together leave one half (−6 dB).
    force
        Recompute existing results.
    session
        Session to work on, in memory; it is returned and nothing is written.
    defer_save
        Return a new session that contains the data; nothing is written.
    layout
        Layout of the file: ``columns``, ``lab`` or ``lab-steps``. Default: that which the file has;
        ``lab-steps`` for a new one.
    filter_order : int
        Order of the Butterworth filter in one direction; both directions double its effect.
    skip_highpass : bool
        Subtract each electrode's mean over the analysed time instead of filtering.
    chunk_duration_s : float, in s
        Changes the memory that is needed, not the result.
    bad_electrodes : tuple[tuple[int, int], ...] | None
        Row and column on the chip (from 1) of the electrodes that somas and axons leave out, as in
        ((33, 32), (40, 12)); by default those that are found.
    min_spikes : int, in spikes
        Neither soma, axon nor waveform is derived from an image of fewer spikes.
    min_image_snr : float
        Neither soma, axon nor waveform is derived from an image whose largest signal, over the noise of
        its mean, is smaller.

    Raises
    ------
    MissingInputError
        If there is no raw recording, or it contains no sensor data.
    ConfigurationError
        If `unit_ids` names a unit that does not exist.
    """
    ...

@overload
def compute_eimage_sta(
    hdf5_path: str | Path | PipelineSession | None = ...,
    cmcr_path: str | Path | None = ...,
    *,
    duration_s: float | None = ...,
    spike_limit: int = ...,
    unit_ids: Sequence[str | int] | None = ...,
    window_range: Sequence[int] = ...,
    cutoff_hz: float = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[True],
    layout: str | None = ...,
    filter_order: int = ...,
    skip_highpass: bool = ...,
    chunk_duration_s: float = ...,
    bad_electrodes: Sequence[Sequence[int]] | None = ...,
    min_spikes: int = ...,
    min_image_snr: float = ...,
) -> PipelineSession: ...
@overload
def compute_eimage_sta(
    hdf5_path: str | Path | PipelineSession | None = ...,
    cmcr_path: str | Path | None = ...,
    *,
    duration_s: float | None = ...,
    spike_limit: int = ...,
    unit_ids: Sequence[str | int] | None = ...,
    window_range: Sequence[int] = ...,
    cutoff_hz: float = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[False] = False,
    layout: str | None = ...,
    filter_order: int = ...,
    skip_highpass: bool = ...,
    chunk_duration_s: float = ...,
    bad_electrodes: Sequence[Sequence[int]] | None = ...,
    min_spikes: int = ...,
    min_image_snr: float = ...,
) -> LoadWithEImageSTAResult: ...
@overload
def compute_sta(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    cover_range: Sequence[int] = ...,
    stimuli_dir: str | Path | None = ...,
    movie_name: str | None = ...,
    trials: Literal["first", "all"] | None = ...,
    force: bool = ...,
    session: PipelineSession,
    defer_save: bool = ...,
    layout: str | None = ...,
    use_multiprocessing: bool = ...,
) -> PipelineSession:
    """Average the noise movie around the display frame of each spike.

    Stored per unit as ``features/sta_<movie>``: float32 (window, height, width) in stimulus units, entry j
    the mean of the movie frames k + cover_range[0] + j over the spikes in frame k; NaN for a unit without a
    usable spike. Times come from the content frames of the sections; margins and pads play no part.

    Parameters
    ----------
    hdf5_path
        Result file to work on, or a session, which is saved first if it has no file yet.
    cover_range : tuple[int, int], in frames
        Display frames relative to the frame of the spike; the second is not included.
    stimuli_dir : str | Path | None
        Folder of <movie>.npy; looked into first.
    movie_name : str | None
        Noise movie; by default the only one whose name contains 'noise'.
    trials : typing.Literal['first', 'all'] | None
        Use the first showing of the movie, or pool all of them. By default all; in calls without a
        session the first one, as earlier scripts have it.
    force
        Recompute existing results.
    session
        Session to work on, in memory; it is returned and nothing is written.
    defer_save
        Return a new session that contains the data; nothing is written.
    layout
        Layout of the file: ``columns``, ``lab`` or ``lab-steps``. Default: that which the file has;
        ``lab-steps`` for a new one.
    use_multiprocessing : bool
        Use all processors; the numbers are the same.

    Raises
    ------
    MissingInputError
        If there are no section times, no noise movie or no display frames.
    ConfigurationError
        If several sections are noise movies (name one), or the movie that is named has no section.
    FileNotFoundError
        If the movie's file is not found; the message lists where it was searched for.
    DataLoadError
        If the movie's file cannot be read, or contains values that are not numbers.
    """
    ...

@overload
def compute_sta(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    cover_range: Sequence[int] = ...,
    stimuli_dir: str | Path | None = ...,
    movie_name: str | None = ...,
    trials: Literal["first", "all"] | None = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[True],
    layout: str | None = ...,
    use_multiprocessing: bool = ...,
) -> PipelineSession: ...
@overload
def compute_sta(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    cover_range: Sequence[int] = ...,
    stimuli_dir: str | Path | None = ...,
    movie_name: str | None = ...,
    trials: Literal["first", "all"] | None = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[False] = False,
    layout: str | None = ...,
    use_multiprocessing: bool = ...,
) -> STAResult: ...
@overload
def extract_axon_path(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    sensor_pitch_um: float | None = ...,
    threshold_sd: float = ...,
    min_electrodes: int = ...,
    min_span: float = ...,
    confidence: float = ...,
    force: bool = ...,
    session: PipelineSession,
    defer_save: bool = ...,
    layout: str | None = ...,
    min_delay_ms: float = ...,
    time_tolerance_ms: float = ...,
    n_bootstrap: int = ...,
    seed: int = ...,
    min_spikes: int | None = ...,
    min_image_snr: float | None = ...,
) -> PipelineSession:
    """Follow each unit's axon over the chip and measure its conduction velocity.

    Electrodes with a significant trough are joined, from the soma on, where the trough is not earlier. The
    velocity is the Theil-Sen slope over the electrodes beyond the soma's own field, with a bootstrap
    interval. Stored per unit as ``features/eimage_sta/axon``; without a velocity its output ``missing`` says
    why.

    Parameters
    ----------
    hdf5_path
        Result file to work on, or a session, which is saved first if it has no file yet.
    sensor_pitch_um : float | None, in µm
        Distance of neighbouring electrodes (16 or 32 µm). No file states it; once given it is
        remembered with the recording. Without it lengths are in electrodes only.
    threshold_sd : float, in SD of the noise
        Least depth of a trough.
    min_electrodes : int
        An axon seen by fewer has no velocity.
    min_span : float, in electrodes
        An axon that spans less has no velocity.
    confidence : float
        Of the interval of the velocity.
    force
        Recompute existing results.
    session
        Session to work on, in memory; it is returned and nothing is written.
    defer_save
        Return a new session that contains the data; nothing is written.
    layout
        Layout of the file: ``columns``, ``lab`` or ``lab-steps``. Default: that which the file has;
        ``lab-steps`` for a new one.
    min_delay_ms : float, in ms
        Troughs so much later than the soma's are the axon's.
    time_tolerance_ms : float, in ms
        A trough may be so much earlier than the one before it on the path.
    n_bootstrap : int
        For the interval.
    seed : int
        Of the resampling.
    min_spikes : int | None, in spikes
        Nothing is derived from an electrical image of fewer spikes; by default as stated when the
        images were computed.
    min_image_snr : float | None
        Nothing is derived from an electrical image whose largest signal, over the noise of its mean, is
        smaller; by default as stated when the images were computed.

    Raises
    ------
    MissingInputError
        If there are no electrical images.
    """
    ...

@overload
def extract_axon_path(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    sensor_pitch_um: float | None = ...,
    threshold_sd: float = ...,
    min_electrodes: int = ...,
    min_span: float = ...,
    confidence: float = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[True],
    layout: str | None = ...,
    min_delay_ms: float = ...,
    time_tolerance_ms: float = ...,
    n_bootstrap: int = ...,
    seed: int = ...,
    min_spikes: int | None = ...,
    min_image_snr: float | None = ...,
) -> PipelineSession: ...
@overload
def extract_axon_path(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    sensor_pitch_um: float | None = ...,
    threshold_sd: float = ...,
    min_electrodes: int = ...,
    min_span: float = ...,
    confidence: float = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[False] = False,
    layout: str | None = ...,
    min_delay_ms: float = ...,
    time_tolerance_ms: float = ...,
    n_bootstrap: int = ...,
    seed: int = ...,
    min_spikes: int | None = ...,
    min_image_snr: float | None = ...,
) -> UnitsResult: ...
@overload
def extract_features(
    hdf5_path: str | Path | PipelineSession | None = ...,
    features: Sequence[str] = ...,
    *,
    strict: bool = ...,
    force: bool = ...,
    session: PipelineSession,
    defer_save: bool = ...,
    layout: str | None = ...,
    config_overrides: dict[str, Any] | None = ...,
) -> PipelineSession:
    """Compute features of all units.

    Each feature declares what it needs. One whose inputs are missing, or that does not exist, is skipped with
    a warning that says why and what to run; the others are computed. Stored per unit under the name that was
    asked for; what is equal for all units is stored once, below ``stimulus``.

    Parameters
    ----------
    hdf5_path
        Result file to work on, or a session, which is saved first if it has no file yet.
    features : tuple[str, ...]
        Names or aliases of the features to compute.
    strict : bool
        Stop with an error where a feature would be skipped.
    force
        Recompute existing results.
    session
        Session to work on, in memory; it is returned and nothing is written.
    defer_save
        Return a new session that contains the data; nothing is written.
    layout
        Layout of the file: ``columns``, ``lab`` or ``lab-steps``. Default: that which the file has;
        ``lab-steps`` for a new one.
    config_overrides : dict[str, typing.Any] | None
        Parameters by feature, as in {'baseline': {'refractory_ms': 2}}, or for all features that have
        them, as in {'alpha': 1}.

    Raises
    ------
    ConfigurationError
        If a parameter of a feature is wrong.
    MissingInputError
        With ``strict=True``, if a feature would be skipped, or a name is not a feature.
    FeatureExtractionError
        With ``strict=True``, if a feature fails.
    """
    ...

@overload
def extract_features(
    hdf5_path: str | Path | PipelineSession | None = ...,
    features: Sequence[str] = ...,
    *,
    strict: bool = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[True],
    layout: str | None = ...,
    config_overrides: dict[str, Any] | None = ...,
) -> PipelineSession: ...
@overload
def extract_features(
    hdf5_path: str | Path | PipelineSession | None = ...,
    features: Sequence[str] = ...,
    *,
    strict: bool = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[False] = False,
    layout: str | None = ...,
    config_overrides: dict[str, Any] | None = ...,
) -> ExtractionResult: ...
@overload
def extract_rf_geometry(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    movie_name: str | None = ...,
    calibration_path: str | Path | None = ...,
    stimuli_dir: str | Path | None = ...,
    alpha: float = ...,
    force: bool = ...,
    session: PipelineSession,
    defer_save: bool = ...,
    layout: str | None = ...,
) -> PipelineSession:
    """Measure each unit's receptive field: place, size, sign, time course.

    A Gaussian, a difference of Gaussians and separate ON and OFF Gaussians are fitted to the signed map, not
    smoothed, around the peak of the spike-triggered average; the model with the lowest BIC is chosen. Stored
    per unit as ``features/sta_<movie>/sta_geometry``.

    Parameters
    ----------
    hdf5_path
        Result file to work on, or a session, which is saved first if it has no file yet.
    movie_name : str | None
        Noise movie; by default all that have spike-triggered averages.
    calibration_path : str | Path | None
        JSON file with um_per_pixel, rotation_deg, mirror and offset_um; once given it is remembered
        with the recording. Without it sizes are in pixels only.
    stimuli_dir : str | Path | None
        Folder of <movie>.npy, which tells whether there is a field; looked into first.
    alpha : float
        Largest p value of a receptive field; above it numbers are missing. 1 gives them all.
    force
        Recompute existing results.
    session
        Session to work on, in memory; it is returned and nothing is written.
    defer_save
        Return a new session that contains the data; nothing is written.
    layout
        Layout of the file: ``columns``, ``lab`` or ``lab-steps``. Default: that which the file has;
        ``lab-steps`` for a new one.

    Raises
    ------
    MissingInputError
        If there are no spike-triggered averages.
    ConfigurationError
        If there are none of the movie that is asked for, or the calibration is not valid.
    """
    ...

@overload
def extract_rf_geometry(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    movie_name: str | None = ...,
    calibration_path: str | Path | None = ...,
    stimuli_dir: str | Path | None = ...,
    alpha: float = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[True],
    layout: str | None = ...,
) -> PipelineSession: ...
@overload
def extract_rf_geometry(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    movie_name: str | None = ...,
    calibration_path: str | Path | None = ...,
    stimuli_dir: str | Path | None = ...,
    alpha: float = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[False] = False,
    layout: str | None = ...,
) -> UnitsResult: ...
@overload
def extract_soma_geometry(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    sensor_pitch_um: float | None = ...,
    force: bool = ...,
    session: PipelineSession,
    defer_save: bool = ...,
    layout: str | None = ...,
    min_spikes: int | None = ...,
    min_image_snr: float | None = ...,
) -> PipelineSession:
    """Find where each unit's soma is on the chip, and how far it reaches.

    The centre is the good electrode with the largest peak-to-peak voltage; the extent is where the voltage of
    the first samples after the spike exceeds half its maximum, around the centre. Bad electrodes are left
    out. An image of too few spikes, of too little signal, or whose trough is not at the spikes gives nothing.
    Stored per unit as ``features/eimage_sta/geometry``.

    Parameters
    ----------
    hdf5_path
        Result file to work on, or a session, which is saved first if it has no file yet.
    sensor_pitch_um : float | None, in µm
        Distance of neighbouring electrodes (16 or 32 µm). No file states it; once given it is
        remembered with the recording. Without it lengths are in electrodes only.
    force
        Recompute existing results.
    session
        Session to work on, in memory; it is returned and nothing is written.
    defer_save
        Return a new session that contains the data; nothing is written.
    layout
        Layout of the file: ``columns``, ``lab`` or ``lab-steps``. Default: that which the file has;
        ``lab-steps`` for a new one.
    min_spikes : int | None, in spikes
        Nothing is derived from an electrical image of fewer spikes; by default as stated when the
        images were computed.
    min_image_snr : float | None
        Nothing is derived from an electrical image whose largest signal, over the noise of its mean, is
        smaller; by default as stated when the images were computed.

    Raises
    ------
    MissingInputError
        If there are no electrical images.
    """
    ...

@overload
def extract_soma_geometry(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    sensor_pitch_um: float | None = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[True],
    layout: str | None = ...,
    min_spikes: int | None = ...,
    min_image_snr: float | None = ...,
) -> PipelineSession: ...
@overload
def extract_soma_geometry(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    sensor_pitch_um: float | None = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[False] = False,
    layout: str | None = ...,
    min_spikes: int | None = ...,
    min_image_snr: float | None = ...,
) -> UnitsResult: ...
@overload
def fit_lnl(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    movie_name: str | None = ...,
    stimuli_dir: str | Path | None = ...,
    n_folds: int = ...,
    n_bins: int = ...,
    min_spikes: int = ...,
    alpha: float = ...,
    force: bool = ...,
    session: PipelineSession,
    defer_save: bool = ...,
    layout: str | None = ...,
) -> PipelineSession:
    """Predict each unit's rate during the noise movie from its spike-triggered average.

    The average filters the movie, and an exponential makes a rate of it. Every part of the movie is predicted
    from the others: the gain in bits per spike over a constant rate, the correlation with the observed rate
    and the nonlinearity are those of spikes that had no part in the model. Window and showings are those of
    the spike-triggered averages; a unit without a significant receptive field has no model. Stored per unit
    as ``features/lnl``.

    Parameters
    ----------
    hdf5_path
        Result file to work on, or a session, which is saved first if it has no file yet.
    movie_name : str | None
        Noise movie; by default the only one with spike-triggered averages.
    stimuli_dir : str | Path | None
        Folder of <movie>.npy; looked into first.
    n_folds : int
        Contiguous parts of the movie, each predicted from the others.
    n_bins : int
        Bins of the nonlinearity, of equally many frames.
    min_spikes : int, in spikes
        A unit with fewer spikes has no model.
    alpha : float
        Largest p value of a receptive field; a unit without one has no model. 1 fits them all.
    force
        Recompute existing results.
    session
        Session to work on, in memory; it is returned and nothing is written.
    defer_save
        Return a new session that contains the data; nothing is written.
    layout
        Layout of the file: ``columns``, ``lab`` or ``lab-steps``. Default: that which the file has;
        ``lab-steps`` for a new one.

    Raises
    ------
    MissingInputError
        If there are no spike-triggered averages.
    ConfigurationError
        If there are averages of several movies, or none of the movie that is asked for.
    FileNotFoundError
        If the movie's file is not found.
    DataLoadError
        If it is not a movie.
    ValidationError
        If the movie is too short.
    """
    ...

@overload
def fit_lnl(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    movie_name: str | None = ...,
    stimuli_dir: str | Path | None = ...,
    n_folds: int = ...,
    n_bins: int = ...,
    min_spikes: int = ...,
    alpha: float = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[True],
    layout: str | None = ...,
) -> PipelineSession: ...
@overload
def fit_lnl(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    movie_name: str | None = ...,
    stimuli_dir: str | Path | None = ...,
    n_folds: int = ...,
    n_bins: int = ...,
    min_spikes: int = ...,
    alpha: float = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[False] = False,
    layout: str | None = ...,
) -> UnitsResult: ...
@overload
def load_recording(
    cmcr_path: str | Path | None = ...,
    cmtr_path: str | Path | None = ...,
    dataset_id: str | None = ...,
    *,
    output_dir: str | Path = ...,
    force: bool = ...,
    allow_overwrite: bool = ...,
    config: Mapping[str, Any] | None = ...,
    session: PipelineSession,
    defer_save: bool = ...,
    layout: str | None = ...,
    find_partner: bool = ...,
    frame_correction: bool = ...,
    light_channel: int = ...,
    sync_channel: int = ...,
    frame_clock: Literal["analog", "digital port", "digital events"] = ...,
    digital_bit: int = ...,
    digital_event: int | None = ...,
    memory_warning_gb: float = ...,
    display_rate_hz: float | None = ...,
    drop_duplicates: float | None = ...,
    keep_noise: bool = ...,
    electrode_pitch_um: float | None = ...,
) -> PipelineSession:
    """Load a raw recording and / or its sorted units.

    Reads every sorted unit (accepted spikes, mean waveform, firing rate, what the sorter reported), the
    light channels with their block means, and the display frames from the frame-sync channel. Everything
    is on the acquisition clock: sample = timestamp / tick, through gaps. The files are opened read-only.

    Parameters
    ----------
    cmcr_path : str | Path | None
        The .cmcr file, or another file that a reader recognises and that offers light channels, display
        frames and raw data.
    cmtr_path : str | Path | None
        The .cmtr file, a Phy or Kilosort folder, or whatever a reader recognises that offers sorted
        units.
    dataset_id : str | None
        Name of the recording; by default that of the .cmtr, otherwise of the .cmcr.
    output_dir
        Folder of the result file, ``<dataset_id>.h5``.
    force
        Recompute existing results.
    allow_overwrite
        Replace a file in the way, even of another recording or with other parameters.
    config
        Further parameters by name; they count in place of those given directly.
    session
        Session to work on, in memory; it is returned and nothing is written.
    defer_save
        Return a new session that contains the data; nothing is written.
    layout
        Layout of the file: ``columns``, ``lab`` or ``lab-steps``. Default: that which the file has;
        ``lab-steps`` for a new one.
    find_partner : bool
        If only one file of the pair is given, load the other one if it is beside it.
    frame_correction : bool
        Insert display flips that were lost and remove double ones, on the grid; frames that the light
        shows to be late are left as they are.
    light_channel : int
        Analog channel of the light intensity, from 1.
    sync_channel : int
        Analog channel of the display flips, from 1.
    frame_clock : typing.Literal['analog', 'digital port', 'digital events']
        Where display frames are marked: on the analog sync channel, on a line of the digital port, or
        by digital events. Of a digital clock no first frames are left out.
    digital_bit : int
        Line of the digital port that marks display frames, from 0.
    digital_event : int | None
        Number of the kind of digital events that mark display frames; by default the most frequent one.
    memory_warning_gb : float, in GB
        Warn before loading more than this.
    display_rate_hz : float | None, in Hz
        Refresh rate of the display, if it is not within 24 to 130 per second; by default it is found.
    drop_duplicates : float | None, in ms
        Of spikes of a unit that follow each other within so many milliseconds keep only the first; by
        default all are kept.
    keep_noise : bool
        Load units that were labelled as noise in Phy as well.
    electrode_pitch_um : float | None, in µm
        Distance of neighbouring electrodes, to find rows and columns of units of a Phy folder; by
        default 16 or 32 µm, by the positions.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    DataLoadError
        If a file cannot be read, is not what it should be, or contains nothing that can be loaded.
    MismatchError
        If the two files cannot be of one recording.
    """
    ...

@overload
def load_recording(
    cmcr_path: str | Path | None = ...,
    cmtr_path: str | Path | None = ...,
    dataset_id: str | None = ...,
    *,
    output_dir: str | Path = ...,
    force: bool = ...,
    allow_overwrite: bool = ...,
    config: Mapping[str, Any] | None = ...,
    session: None = None,
    defer_save: Literal[True],
    layout: str | None = ...,
    find_partner: bool = ...,
    frame_correction: bool = ...,
    light_channel: int = ...,
    sync_channel: int = ...,
    frame_clock: Literal["analog", "digital port", "digital events"] = ...,
    digital_bit: int = ...,
    digital_event: int | None = ...,
    memory_warning_gb: float = ...,
    display_rate_hz: float | None = ...,
    drop_duplicates: float | None = ...,
    keep_noise: bool = ...,
    electrode_pitch_um: float | None = ...,
) -> PipelineSession: ...
@overload
def load_recording(
    cmcr_path: str | Path | None = ...,
    cmtr_path: str | Path | None = ...,
    dataset_id: str | None = ...,
    *,
    output_dir: str | Path = ...,
    force: bool = ...,
    allow_overwrite: bool = ...,
    config: Mapping[str, Any] | None = ...,
    session: None = None,
    defer_save: Literal[False] = False,
    layout: str | None = ...,
    find_partner: bool = ...,
    frame_correction: bool = ...,
    light_channel: int = ...,
    sync_channel: int = ...,
    frame_clock: Literal["analog", "digital port", "digital events"] = ...,
    digital_bit: int = ...,
    digital_event: int | None = ...,
    memory_warning_gb: float = ...,
    display_rate_hz: float | None = ...,
    drop_duplicates: float | None = ...,
    keep_noise: bool = ...,
    electrode_pitch_um: float | None = ...,
) -> LoadResult: ...
@overload
def section_by_direction(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    movie_names: Sequence[str] | None = ...,
    padding_frames: int = ...,
    stimuli_dir: str | Path | None = ...,
    force: bool = ...,
    session: PipelineSession,
    defer_save: bool = ...,
    layout: str | None = ...,
    on_off_dict_path: str | Path | None = ...,
    unit_ids: Sequence[str | int] | None = ...,
) -> PipelineSession:
    """Sort the spikes of each sweep of a moving bar by direction and repetition.

    Stored once as ``stimulus/direction_time/<movie>``: samples (directions, repetitions, 2); and per unit as
    ``features/direction_sections_<movie>``: index ranges into the unit's spike times, and counts. Where the
    receptive field is known and the bar's movie is available, on the pixels of the noise movie, the same for
    the window in which the bar's edges cross the receptive field's centre, with `padding_frames` around it.
    In files of the laboratory the centre is that of their Gaussian, and what they stored is replaced; for a
    unit without a window of the receptive field it is kept, with a warning.

    Parameters
    ----------
    hdf5_path
        Result file to work on, or a session, which is saved first if it has no file yet.
    movie_names : tuple[str, ...] | None
        Moving-bar movies; by default all whose definition has sweeps.
    padding_frames : int, in frames
        Frames before and after the bar's crossing of the receptive field.
    stimuli_dir : str | Path | None
        Folder of <movie>.npy, which tells when the bar crosses a receptive field.
    force
        Recompute existing results.
    session
        Session to work on, in memory; it is returned and nothing is written.
    defer_save
        Return a new session that contains the data; nothing is written.
    layout
        Layout of the file: ``columns``, ``lab`` or ``lab-steps``. Default: that which the file has;
        ``lab-steps`` for a new one.
    on_off_dict_path : str | Path | None
        Table (.npz or .pkl) of the frames in which the bar crosses each pixel, 20 of which make one
        pixel of the noise; by default crossings are found in the bar's movie.
    unit_ids : tuple[str | int, ...] | None
        Unit ids or numbers; by default all units.

    Raises
    ------
    MissingInputError
        If no movie with trials has sweeps.
    ConfigurationError
        If a movie that is asked for has none, or its directions were not shown equally often.
    """
    ...

@overload
def section_by_direction(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    movie_names: Sequence[str] | None = ...,
    padding_frames: int = ...,
    stimuli_dir: str | Path | None = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[True],
    layout: str | None = ...,
    on_off_dict_path: str | Path | None = ...,
    unit_ids: Sequence[str | int] | None = ...,
) -> PipelineSession: ...
@overload
def section_by_direction(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    movie_names: Sequence[str] | None = ...,
    padding_frames: int = ...,
    stimuli_dir: str | Path | None = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[False] = False,
    layout: str | None = ...,
    on_off_dict_path: str | Path | None = ...,
    unit_ids: Sequence[str | int] | None = ...,
) -> UnitsResult: ...
@overload
def section_spike_times(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    movie_names: Sequence[str] | None = ...,
    pad_margin: Sequence[float] = ...,
    force: bool = ...,
    session: PipelineSession,
    defer_save: bool = ...,
    layout: str | None = ...,
    trial_repeats: int = ...,
    config_dir: str | Path | None = ...,
) -> PipelineSession:
    """Cut every unit's spikes into the trials of each movie.

    The stimulus definition says where trials begin and how long they are, counted from the movie's first
    image; margins and clipping of sections play no part. Spikes are stored as index ranges.

    Parameters
    ----------
    hdf5_path
        Result file to work on, or a session, which is saved first if it has no file yet.
    movie_names : tuple[str, ...] | None
        Movies to cut; by default all that have sections and a definition.
    pad_margin : tuple[float, float], in s
        Time before and after each trial from which spikes are taken too.
    force
        Recompute existing results.
    session
        Session to work on, in memory; it is returned and nothing is written.
    defer_save
        Return a new session that contains the data; nothing is written.
    layout
        Layout of the file: ``columns``, ``lab`` or ``lab-steps``. Default: that which the file has;
        ``lab-steps`` for a new one.
    trial_repeats : int
        Without effect: the stimulus definition says how often a movie repeats.
    config_dir : str | Path | None
        Folder of <movie>.json; by default config/stimuli beside the recording, then the stimulus
        library, then what comes with the program.

    Raises
    ------
    MissingInputError
        If there are no sections.
    ConfigurationError
        If a movie that was asked for has no stimulus definition, or it is not valid.
    MismatchError
        If the definition of a movie that was asked for, or of all movies, does not fit the movie's length;
        otherwise such a movie is left out with a warning.
    ValidationError
        If a movie that was asked for has no section.
    """
    ...

@overload
def section_spike_times(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    movie_names: Sequence[str] | None = ...,
    pad_margin: Sequence[float] = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[True],
    layout: str | None = ...,
    trial_repeats: int = ...,
    config_dir: str | Path | None = ...,
) -> PipelineSession: ...
@overload
def section_spike_times(
    hdf5_path: str | Path | PipelineSession | None = ...,
    *,
    movie_names: Sequence[str] | None = ...,
    pad_margin: Sequence[float] = ...,
    force: bool = ...,
    session: None = None,
    defer_save: Literal[False] = False,
    layout: str | None = ...,
    trial_repeats: int = ...,
    config_dir: str | Path | None = ...,
) -> SectionResult: ...
