"""The lights as one page of HTML that needs no other file."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from hdmea.health.lights import ElectrodeMap, Health, Light, RateCourse
from hdmea.utils.html_page import html_page

__all__ = ["health_page", "lights_table"]

# Five colours of a map that is even in lightness and safe for the colour-blind (cividis).
_MAP = np.array(
    [[0, 34, 78], [66, 78, 108], [125, 124, 120], [188, 175, 111], [254, 232, 56]], dtype=np.float64
)
_BAD = (200, 38, 45)
_NOT_RECORDED = (128, 128, 128)
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 700, 220, 56, 34


def health_page(health: Health) -> str:
    """Return a page with the lights, the noise of the electrodes and the rate over time."""
    counted = dict.fromkeys(("red", "amber", "green", "grey"), 0)
    for light in health.lights:
        counted[light.light] += 1
    figures = [
        "" if health.electrodes is None else _noise_map(health.electrodes),
        "" if health.rates is None else _rates(health.rates),
    ]
    summary = ", ".join(f"{n} {colour}" for colour, n in counted.items())
    body = f"<h1>{escape(health.name)}</h1>\n<p>{summary}</p>\n{lights_table(health.lights)}"
    return html_page(f"Health of {health.name}", "\n".join((body, *figures)))


def lights_table(lights: Sequence[Light]) -> str:
    """Return the lights as a table of HTML."""
    rows = "\n".join(
        f'<tr><td><span class="light {light.light}">{light.light}</span></td>'
        f'<td class="name">{escape(light.name)}</td><td class="number">{escape(light.number)}</td>'
        f"<td>{escape(light.sentence)}</td></tr>"
        for light in lights
    )
    return f"<table>\n{rows}\n</table>"


def _noise_map(electrodes: ElectrodeMap) -> str:
    noise = electrodes.noise
    there = np.isfinite(noise)
    shown = noise[there & ~electrodes.bad]
    low, high = np.quantile(shown, (0.02, 0.98)) if shown.size else (0.0, 1.0)
    part = np.clip((np.nan_to_num(noise) - low) / max(high - low, 1e-12), 0, 1) * (len(_MAP) - 1)
    colours = np.stack(
        [np.interp(part, np.arange(len(_MAP)), _MAP[:, channel]) for channel in range(3)], axis=-1
    )
    colours[~there] = _NOT_RECORDED
    colours[electrodes.bad] = _BAD
    png = base64.b64encode(_png(colours.round().astype(np.uint8))).decode("ascii")
    unit = "µV" if electrodes.unit == "uV" else electrodes.unit
    rows, cols = noise.shape
    caption = (
        f"Noise SD from {low:.3g} (dark) to {high:.3g} {escape(unit)} (yellow); bad electrodes are red. "
        f"Columns {electrodes.first_column} to {electrodes.first_column + cols - 1} from left to right, rows "
        f"{electrodes.first_row} to {electrodes.first_row + rows - 1} from top to bottom."
    )
    return (
        "<h2>Noise of the electrodes</h2>\n<figure>"
        '<img alt="Noise of each electrode on the chip" style="image-rendering: pixelated; width: 390px" '
        f'src="data:image/png;base64,{png}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a PNG of (rows, cols, 3) colours."""
    height, width = pixels.shape[:2]
    raw = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(pixels))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(raw, 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _rates(course: RateCourse) -> str:
    end = float(course.time_s.max(initial=1.0))
    top = max(float(course.rate_hz.max(initial=0.0)) * 1.05, 1e-9)
    x = _LEFT + course.time_s / end * (_WIDTH - _LEFT - 10)
    y = (_HEIGHT - _BOTTOM) * (1 - course.rate_hz / top) + 6
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    base = _HEIGHT - _BOTTOM + 6
    text = 'font-size="12" fill="currentColor"'
    return (
        "<h2>Rate over the recording</h2>\n<figure>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + 8}" style="max-width: 700px" role="img" '
        'aria-label="Mean rate over time">'
        f'<path d="M{_LEFT} 6V{base}H{_WIDTH - 10}" fill="none" stroke="currentColor" stroke-opacity=".6"/>'
        f'<polyline points="{points}" fill="none" stroke="#2b7bba" stroke-width="2"/>'
        f'<text x="{_LEFT - 6}" y="14" text-anchor="end" {text}>{top / 1.05:.3g}</text>'
        f'<text x="{_LEFT - 6}" y="{base}" text-anchor="end" {text}>0</text>'
        f'<text x="{_LEFT}" y="{base + 16}" {text}>0 s</text>'
        f'<text x="{_WIDTH - 10}" y="{base + 16}" text-anchor="end" {text}>{end:.0f} s</text></svg>'
        f"<figcaption>Mean of each {course.per}, Hz.</figcaption></figure>"
    )
