"""Names and type GUIDs of the CMOS-MEA5000 file layout, in one place.

Every group and dataset of a `.cmcr` or `.cmtr` carries the GUID of its kind in `ID.TypeID`; names
differ between software versions. Readers look for the GUID first and for the names second.
"""

from __future__ import annotations

from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

TYPE_ID: Final = "ID.TypeID"
SUBTYPE: Final = "SubType"
OLD_PROTOCOL: Final = "McsHdf5ProtocolType"
RECORDING_DURATION: Final = "LB.RecordingDuration"

FILE_ROOT: Final = "cabb6cdd-47e0-417a-8e04-5664cbbc449b"
ACQUISITION: Final = "650d88ce-9f24-4b20-ac2b-254defd12761"
CHANNEL_STREAM: Final = "9217aeb4-59a0-4d7f-bdcd-0371c9fd66eb"
CHANNEL_DATA: Final = "5efe7932-dcfe-49ff-ba53-25accff5d622"
CHANNEL_META: Final = "9e8ac9cd-5571-4ee5-bbfa-8e9d9c436daa"
EVENT_STREAM: Final = "09f288a5-6286-4bed-a05c-02859baea8e3"
EVENT_DATA: Final = "abca7b0c-b6ce-49fa-ad74-a20c352fe4a7"
EVENT_META: Final = "8f58017a-1279-4d0f-80b0-78f2d80402b4"
SENSOR_STREAM: Final = "15e5a1fe-df2f-421b-8b60-23eeb2213c45"
SENSOR_DATA: Final = "49da47df-f397-4121-b5da-35317a93e705"
SENSOR_META: Final = "ab2aa189-2e72-4148-a2ef-978119223412"
SPIKE_STREAM: Final = "26efe891-c075-409b-94f8-eb3a7dd68c94"
SPIKE_EXPLORER: Final = "c6a37148-fa9e-42f2-9d38-eea0434851e2"
SPIKE_META: Final = "e1d7616f-621c-4a26-8f60-a7e63a9030b7"
NETWORK_EXPLORER: Final = "941c8edb-78b3-4275-a5b2-6876cbcdeffc"
FILTER_TOOL: Final = "2f8c246f-9bab-4193-b09e-03aefe17ede0"
ACTIVITY_SUMMARY: Final = "9cdcea3f-88aa-40cf-89db-818315a2644a"
SPIKE_SORTER: Final = "7263d1b7-f57a-42de-8f51-5d6326d22f2a"
SINGLE_UNIT: Final = "0e5a97df-9de0-4a22-ab8c-54845c1ff3b9"
UNITS_TABLE: Final = "7cffd022-c99e-42c2-b9f7-f79be7b4dfe6"
UNIT_INFO: Final = "ae5e3dbc-cca6-4565-8647-e681821a1801"
PEAKS: Final = "147721c1-1ca8-4a16-b697-08fbefddc180"

SUBTYPE_ANALOG: Final = "Auxiliary"
SUBTYPE_DIGITAL: Final = "Digital"
SUBTYPE_EVENTS: Final = "DigitalPort"
SUBTYPE_SENSOR: Final = "CMosSensor"

ANALOG_NAMES: Final = ("Analog Data",)
DIGITAL_NAMES: Final = ("Digital Data",)
EVENT_NAMES: Final = ("Digital Data Events", "EventTool @ Digital Data", "Digital")
SENSOR_NAMES: Final = ("Sensor Data",)

KIND_NAMES: Final = {
    CHANNEL_STREAM: "channel stream",
    EVENT_STREAM: "event stream",
    SENSOR_STREAM: "sensor stream",
    SPIKE_STREAM: "spike stream",
    SPIKE_EXPLORER: "Spike Explorer",
    NETWORK_EXPLORER: "Network Explorer",
    FILTER_TOOL: "Filter Tool",
    ACTIVITY_SUMMARY: "Activity Summary",
    SPIKE_SORTER: "Spike Sorter",
}
TOOL_KINDS: Final = (SPIKE_EXPLORER, NETWORK_EXPLORER, FILTER_TOOL, ACTIVITY_SUMMARY, SPIKE_SORTER)
TOOL_NAMES: Final = (
    "Spike Explorer",
    "Network Explorer",
    "STA Explorer",
    "Filter Tool",
    "Activity Summary",
    "Spike Sorter",
)

CHIP_EDGE: Final = 65
"""Sensors along one edge of the chip; `sensor_id = 65 * (column - 1) + row`, both from 1."""

RAW_SUFFIX: Final = ".cmcr"
SORTED_SUFFIX: Final = ".cmtr"


def sensor_id(row: int, column: int) -> int:
    """Return the number of a sensor (1..4225) from its row and column (both from 1; the row runs fastest)."""
    return CHIP_EDGE * (column - 1) + row


@overload
def sensor_position(number: int) -> tuple[int, int]: ...
@overload
def sensor_position(number: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
def sensor_position(number: Any) -> tuple[Any, Any]:
    """Return row and column (both from 1) of the sensor with this number, or of each of several."""
    column, row = divmod(number - 1, CHIP_EDGE)
    return row + 1, column + 1
