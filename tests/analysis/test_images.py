from __future__ import annotations

import numpy as np

from hdmea.analysis.images import centre_value, peak_frame, peak_to_peak


def test_peak_to_peak_is_the_range_over_time_of_each_electrode() -> None:
    image = np.zeros((3, 2, 2), np.float32)
    image[:, 0, 1] = [-4, 1, 0]
    image[1, 1, 1] = np.nan

    result = peak_to_peak(image)

    assert result[0, 1] == 5
    assert result[0, 0] == 0
    assert np.isnan(result[1, 1])


def test_the_peak_frame_has_the_largest_deviation_of_either_sign() -> None:
    average = np.full((5, 3, 3), 127.5, np.float32)
    average[1, 0, 0] = 140
    average[3, 2, 2] = 100

    assert peak_frame(average) == 3
    assert centre_value(average) == 127.5


def test_an_average_without_numbers_has_frame_zero() -> None:
    average = np.full((4, 2, 2), np.nan)

    assert peak_frame(average) == 0
    assert np.isnan(centre_value(average))
