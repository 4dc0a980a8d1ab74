"""Direction tuning: exact answers, p values, invariances; the feature moving_bar."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hdmea.features.extractors.moving_bar import moving_bar, sweep_counts
from hdmea.features.science.bar_windows import background_frames
from hdmea.features.science.direction_tuning import direction_tuning
from hdmea.stimuli.definition import StimulusDefinition, StimulusEvent, packaged_definitions
from hdmea.utils.exceptions import FeatureExtractionError
from tests.features.movies import BEFORE, movie_recording

EIGHT = np.arange(8) * 45.0
MOVIE = "moving_h_bar_s5_d8_3x"


def tuning(*rows: list[float], reps: int = 3, **options: int):
    return direction_tuning(np.repeat(np.array(rows, float)[:, None], reps, axis=1), EIGHT, **options)


class TestExact:
    @pytest.mark.parametrize("direction", range(8))
    def test_one_direction_only(self, direction: int) -> None:
        found = tuning(list(np.eye(8)[direction] * 5))

        assert found.dsi[0] == pytest.approx(1)
        assert found.osi[0] == pytest.approx(1)
        assert found.preferred_direction[0] == pytest.approx(45 * direction)
        assert found.preferred_motion_axis[0] == pytest.approx(45 * direction % 180)
        assert found.dsi_pref_null[0] == 1

    def test_two_opposite_directions_are_an_axis(self) -> None:
        found = tuning([0, 4, 0, 0, 0, 4, 0, 0])

        assert found.dsi[0] == pytest.approx(0, abs=1e-12)
        assert found.osi[0] == pytest.approx(1)
        assert np.isnan(found.preferred_direction[0])
        assert found.preferred_motion_axis[0] == pytest.approx(45)
        assert found.dsi_pref_null[0] == 0

    def test_cosine_tuning_has_half_its_depth(self) -> None:
        found = tuning(list(10 * (1 + 0.6 * np.cos(np.deg2rad(EIGHT - 70)))))

        assert found.dsi[0] == pytest.approx(0.3)
        assert found.preferred_direction[0] == pytest.approx(70)

    def test_equal_responses_have_index_zero_and_p_one(self) -> None:
        found = tuning([3] * 8, n_permutations=100)

        assert found.dsi[0] == pytest.approx(0, abs=1e-12)
        assert found.dsi_p[0] == found.osi_p[0] == 1
        assert np.isnan(found.preferred_direction[0])
        assert found.dsi_pref_null[0] == 0

    def test_no_spike_is_nan(self) -> None:
        found = tuning([0] * 8)

        for name in ("dsi", "osi", "preferred_direction", "preferred_motion_axis", "dsi_pref_null"):
            assert np.isnan(getattr(found, name)[0])
        for name in ("dsi_p", "osi_p", "dsi_rotation_p", "dsi_low", "dsi_null_mean"):
            assert np.isnan(getattr(found, name)[0])
        assert found.tuning_curve[0].tolist() == [0] * 8

    def test_one_repetition_has_no_p_and_no_interval(self) -> None:
        found = tuning([1, 5, 20, 5, 1, 0, 0, 0], reps=1)

        assert found.dsi[0] > 0.5
        assert np.isnan(
            [found.dsi_p[0], found.dsi_rotation_p[0], found.dsi_low[0], found.tuning_sem[0, 0]]
        ).all()

    def test_sem_is_that_of_the_mean_over_repetitions(self) -> None:
        counts = np.random.default_rng(0).poisson(5, (4, 6, 8))

        found = direction_tuning(counts, EIGHT, n_permutations=100)

        np.testing.assert_allclose(found.tuning_curve, found.responses.mean(axis=1))
        np.testing.assert_allclose(found.tuning_sem, stats.sem(found.responses, axis=1))
        np.testing.assert_allclose(found.tuning_curve, counts.mean(axis=1), rtol=0.2, atol=0.5)
        assert np.isnan(direction_tuning(counts[:, :1], EIGHT, n_permutations=100).tuning_sem).all()

    def test_null_direction_that_was_not_shown_is_unknown(self) -> None:
        found = direction_tuning(np.ones((1, 2, 3)), [0, 90, 120], n_permutations=100)

        assert np.isnan(found.dsi_pref_null[0])


class TestSignificance:
    @pytest.mark.parametrize("per_sweep", [1.0, 5.0, 40.0])
    def test_p_values_of_poisson_units_are_uniform(self, per_sweep: float) -> None:
        counts = np.random.default_rng(11).poisson(per_sweep, (500, 3, 8))

        found = direction_tuning(counts, EIGHT, n_permutations=1000, seed=5)

        assert stats.kstest(found.dsi_p, "uniform").pvalue > 0.01
        if per_sweep >= 5:  # with fewer spikes equal indices are common, and the p value is too large
            assert stats.kstest(found.osi_p, "uniform").pvalue > 0.01

    @pytest.mark.parametrize("per_sweep", [0.02, 0.1, 0.4])
    def test_few_spikes_never_make_p_too_small(self, per_sweep: float) -> None:
        counts = np.random.default_rng(12).poisson(per_sweep, (500, 3, 8))

        p = direction_tuning(counts, EIGHT, n_permutations=500).dsi_p

        for alpha in (0.01, 0.05, 0.2):
            assert (p <= alpha).mean() <= alpha + 2.5 * np.sqrt(alpha * (1 - alpha) / 500)

    def test_null_mean_is_the_index_of_an_untuned_unit(self) -> None:
        counts = np.random.default_rng(13).poisson(6, (300, 3, 8))

        found = direction_tuning(counts, EIGHT, n_permutations=300)

        assert found.dsi_null_mean.mean() == pytest.approx(found.dsi.mean(), rel=0.08)

    def test_a_tuned_unit_is_found(self) -> None:
        assert tuning([1, 5, 20, 5, 1, 0, 0, 0]).dsi_p[0] <= 0.002


class TestLaws:
    @given(
        st.lists(st.lists(st.integers(0, 30), min_size=24, max_size=24), min_size=2, max_size=5),
        st.integers(0, 7),
        st.integers(2, 9),
    )
    @settings(max_examples=40, deadline=None)
    def test_rotation_scale_and_order(self, values: list[list[int]], turn: int, scale: int) -> None:
        counts = np.array(values).reshape(-1, 3, 8)
        plain = direction_tuning(counts, EIGHT, n_permutations=100)

        order = np.roll(np.arange(24).reshape(3, 8), turn, axis=-1)
        turned = direction_tuning(np.roll(counts, turn, axis=-1), EIGHT, order=order, n_permutations=100)
        np.testing.assert_allclose(turned.dsi, plain.dsi, atol=1e-9)
        np.testing.assert_allclose(turned.osi, plain.osi, atol=1e-9)
        np.testing.assert_allclose(turned.dsi_pref_null, plain.dsi_pref_null, atol=1e-9)
        turn_angle = np.exp(
            1j * np.deg2rad(turned.preferred_direction - plain.preferred_direction - 45 * turn)
        )
        known = plain.dsi > 1e-6
        np.testing.assert_allclose(turn_angle[known], 1, atol=1e-5)

        many = np.tile(counts.sum(axis=1, keepdims=True), (1, 3, 1))
        scaled = direction_tuning(many * scale, EIGHT, n_permutations=100)
        np.testing.assert_allclose(
            scaled.dsi, direction_tuning(many, EIGHT, n_permutations=100).dsi, atol=1e-9
        )

        reversed_units = direction_tuning(counts[::-1], EIGHT, n_permutations=100)
        np.testing.assert_array_equal(reversed_units.dsi_p[::-1], plain.dsi_p)
        assert ((plain.preferred_direction >= 0) & (plain.preferred_direction < 360))[known].all()


class TestMovingBar:
    def test_spikes_of_full_sweeps_of_the_definition(self) -> None:
        fires = np.zeros((1, 3, 4520), int)
        fires[0, :, 2 * 565] = 1
        fires[0, :, 3 * 565 - 1] = 2

        table = moving_bar.compute(movie_recording(MOVIE, fires))

        assert table.units["sweep_counts"][0].tolist() == [[0, 0, 3, 0, 0, 0, 0, 0]] * 3
        assert table.units["dsi_full_sweep"][0] == pytest.approx(1)
        assert table.units["preferred_direction_full_sweep"][0] == pytest.approx(90)
        assert table.recording["moving_bar_directions"].tolist() == EIGHT.tolist()

    def test_order_of_directions_comes_from_the_definition(self) -> None:
        definition = packaged_definitions()[MOVIE]
        shuffled = [
            event.model_copy(update={"direction_deg": (event.direction_deg or 0) + 90})
            for event in definition.events
        ]
        other = definition.model_copy(update={"events": tuple(shuffled)})
        fires = np.zeros((1, 3, 4520), int)
        fires[0, :, 200:230] = 1

        table = moving_bar.compute(movie_recording(other, fires))

        assert table.units["preferred_direction"][0] == pytest.approx(90)

    def test_moving_the_recording_in_time_changes_nothing(self) -> None:
        fires = np.random.default_rng(1).poisson(0.02, (3, 3, 4520))

        a = moving_bar.compute(movie_recording(MOVIE, fires)).units
        b = moving_bar.compute(movie_recording(MOVIE, fires, shift_samples=12_345)).units

        for name, values in a.items():
            np.testing.assert_array_equal(values, b[name])

    def test_silent_unit_has_reasons(self) -> None:
        table = moving_bar.compute(movie_recording(MOVIE, np.zeros((1, 3, 4520), int)))

        assert np.isnan(table.units["dsi_p"][0])
        assert table.reasons_for("unit_001")["dsi"] == "no spike in any sweep"

    def test_directions_shown_unequally_often_are_refused(self) -> None:
        sweeps = [
            StimulusEvent(type="sweep", start_frame=i, end_frame=i + 1, direction_deg=d)
            for i, d in enumerate((0, 90, 0))
        ]
        with pytest.raises(FeatureExtractionError, match="equally often"):
            sweep_counts([np.array([1])], np.arange(10), np.array([0]), sweeps)

    def test_repeats_within_a_trial_are_repetitions(self) -> None:
        sweeps = [
            StimulusEvent(type="sweep", start_frame=i, end_frame=i + 1, direction_deg=d)
            for i, d in enumerate((0, 180, 180, 0))
        ]
        train = np.repeat([1, 2, 3, 4], [1, 2, 3, 4])

        directions, counts = sweep_counts([train], np.arange(10), np.array([1]), sweeps)

        assert directions.tolist() == [0, 180]
        assert counts.tolist() == [[[1, 2], [4, 3]]]

    def test_without_a_moving_bar_it_is_skipped_with_what_there_is(self) -> None:
        recording = movie_recording("step_up_5s_5i_b0_3x", np.zeros((1, 3, 600), int))

        (reason,) = moving_bar.missing(recording)

        assert "of the kind 'moving_bar'" in reason
        assert "step_up_5s_5i_b0_3x" in reason


EVOKED = 45 * np.exp(2.5 * (np.cos(np.deg2rad(EIGHT - 20)) - 1))
TRUE_DSI = abs((EVOKED * np.exp(1j * np.deg2rad(EIGHT))).sum()) / EVOKED.sum()


class TestEvoked:
    """What a maintained rate, a drift and chance do to the numbers."""

    @pytest.mark.parametrize("maintained", [0.0, 2.0, 10.0, 20.0])
    def test_maintained_rate_does_not_change_the_index(self, maintained: float) -> None:
        rng = np.random.default_rng(3)
        window_s, blank_s = 1.5, 90.0
        counts = rng.poisson(np.broadcast_to(EVOKED + maintained * window_s, (300, 3, 8)))
        blank = rng.poisson(maintained * blank_s, 300) / blank_s

        found = direction_tuning(
            counts,
            EIGHT,
            blank=blank * window_s,
            blank_se=np.sqrt(blank / blank_s) * window_s,
            n_permutations=100,
        )

        assert np.nanmean(found.dsi) == pytest.approx(TRUE_DSI, abs=0.02)
        assert np.isfinite(found.dsi).mean() > 0.99

    def test_suppression_is_negative_and_has_no_index(self) -> None:
        found = direction_tuning(np.full((1, 3, 8), 2), EIGHT, blank=10.0, n_permutations=100)

        assert found.tuning_curve[0].tolist() == pytest.approx([-8] * 8)
        assert np.isnan(found.dsi[0])

    @pytest.mark.parametrize("last", [0.2, 1.0, 5.0])
    def test_a_drift_is_not_tuning(self, last: float) -> None:
        rate = 60 * (1 + (last - 1) * np.arange(24).reshape(3, 8) / 23)
        counts = np.random.default_rng(5).poisson(rate, (400, 3, 8))

        found = direction_tuning(counts, EIGHT, n_permutations=500)

        assert (found.dsi_p <= 0.05).mean() <= 0.08
        assert (found.dsi_p <= 0.01).mean() <= 0.03
        if last != 1.0:
            assert np.median(found.trend) == pytest.approx(last, rel=0.35)

    def test_a_gain_that_fluctuates_slowly_is_not_tuning(self) -> None:
        rng = np.random.default_rng(6)
        log_gain = np.empty((400, 24))
        log_gain[:, 0] = rng.normal(size=400)
        stays = np.exp(-9.4 / 20)
        for sweep in range(1, 24):
            log_gain[:, sweep] = stays * log_gain[:, sweep - 1] + rng.normal(size=400) * np.sqrt(1 - stays**2)
        counts = rng.poisson(20 * np.exp(0.4 * log_gain)).reshape(400, 3, 8)

        found = direction_tuning(counts, EIGHT, n_permutations=500)

        assert (found.dsi_p <= 0.05).mean() <= 0.08
        assert (found.osi_p <= 0.05).mean() <= 0.08
        assert (found.dsi_rotation_p <= 0.05).mean() <= 0.08
        assert (found.dsi_permutation_p <= 0.05).mean() > 0.1

    def test_intervals_hold_the_truth(self) -> None:
        counts = np.random.default_rng(7).poisson(np.broadcast_to(EVOKED + 5, (600, 3, 8)))

        found = direction_tuning(counts, EIGHT, blank=5.0, n_permutations=100)

        inside = (found.dsi_low <= TRUE_DSI) & (TRUE_DSI <= found.dsi_high)
        assert 0.93 <= inside.mean() <= 0.985
        angle = np.rad2deg(np.angle((EVOKED * np.exp(1j * np.deg2rad(EIGHT))).sum()))
        inside = (found.preferred_direction_low <= angle) & (angle <= found.preferred_direction_high)
        assert 0.92 <= inside.mean() <= 0.98

    def test_rotations_are_all_there_are(self) -> None:
        found = tuning([1, 5, 20, 5, 1, 0, 0, 0])

        assert found.dsi_rotation_p[0] == pytest.approx(1 / 64)
        assert found.least_rotation_p == pytest.approx((1 / 64, 1 / 16))


class TestWindows:
    def test_responses_are_counted_where_other_repetitions_respond(self) -> None:
        fires = np.zeros((1, 3, 4520), int)
        for sweep, n in enumerate((1, 1, 3, 1, 1, 0, 0, 0)):
            fires[0, :, sweep * 565 + 200 : sweep * 565 + 260] = n
        fires[0, 0, 2 * 565 + 500] = 40

        found = moving_bar.compute(movie_recording(MOVIE, fires)).units

        assert found["window_source"] == ["repetitions"]
        start, stop = found["response_windows"][0, 0, 0]
        assert 180 <= start <= 200
        assert 260 <= stop <= 280
        np.testing.assert_allclose(found["sweep_responses"][0, 0], [60, 60, 180, 60, 60, 0, 0, 0], atol=4)
        assert found["sweep_counts"][0, 0, 2] == 220

    def test_a_unit_that_does_not_respond_has_no_index(self) -> None:
        fires = np.random.default_rng(1).poisson(0.1, (1, 3, 4520))

        table = moving_bar.compute(movie_recording(MOVIE, fires))

        assert np.isnan(table.units["dsi"][0])
        assert "respon" in table.reasons_for("unit_001")["dsi"]
        assert table.units["quality_p"][0] > 0.01

    def test_everything_is_given_on_request(self) -> None:
        fires = np.random.default_rng(1).poisson(0.1, (1, 3, 4520))
        fires[0, :, ::565] += 3

        table = moving_bar.compute(movie_recording(MOVIE, fires), moving_bar.make_params({"alpha": 1}))

        assert table.units["window_source"][0] in ("full sweep", "repetitions")
        assert np.isfinite(table.units["tuning_curve"][0]).all()
        assert "respond" not in table.reasons_for("unit_001").get("dsi", "")

    def test_windows_of_the_receptive_field_come_first(self) -> None:
        fires = np.zeros((1, 3, 4520), int)
        for sweep in range(8):
            fires[0, :, sweep * 565 + 300 : sweep * 565 + 340] = sweep == 2
            fires[0, :, sweep * 565 + 500 : sweep * 565 + 540] = sweep == 6
        recording = movie_recording(MOVIE, fires)
        starts = BEFORE + np.arange(3) * 4520 + np.arange(8)[:, None] * 565 + 300
        windows = np.stack((starts, starts + 40), axis=-1)
        windows[3, :, 1] -= 10
        recording.units["unit_001"]["features"][f"direction_sections_{MOVIE}"] = {
            "data": {"directions_deg": EIGHT, "rf_window_frames": windows},
            "metadata": {"missing": "{}"},
        }

        found = moving_bar.compute(recording).units

        assert found["window_source"] == ["receptive field"]
        assert (np.diff(found["response_windows"][0], axis=-1) == 40).all()
        assert found["response_windows"][0, 0, 3].tolist() == [295, 335]
        assert found["dsi"][0] == pytest.approx(1, abs=0.01)
        assert found["preferred_direction"][0] == pytest.approx(90, abs=1)
        assert found["dsi_full_sweep"][0] == pytest.approx(0, abs=1e-9)

    def test_frames_without_a_bar_come_from_the_movie(self) -> None:
        movie = np.full((50, 6, 6), 10, np.uint8)
        movie[20:30, 2] = 200
        movie[49, 0, 0] = 0

        found = background_frames(movie)

        assert np.flatnonzero(~found).tolist() == [*range(20, 30), 49]


def test_definition_without_sweeps_is_a_clear_error() -> None:
    definition = StimulusDefinition(
        name="bar",
        kind="moving_bar",
        section_kwargs={"start_frame": 0, "trial_length_frame": 100, "repeat": 2},
    )
    with pytest.raises(FeatureExtractionError, match="no event of the type 'sweep'"):
        moving_bar.compute(movie_recording(definition, np.zeros((1, 2, 100), int)))
