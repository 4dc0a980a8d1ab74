"""Type GUIDs that only a writer of vendor files needs; those of readers are in `recordings.mcs`."""

from __future__ import annotations

from typing import Final

SPIKE_DATA: Final = "1b4e0b8b-6af1-4b55-a685-a6d28a922eb3"
ONLINE_SPIKE_DATA: Final = "3e8aaacc-268b-4057-b0bb-45d7dc9ec73b"
SPIKE_DETECTOR_SETTINGS: Final = "58c92502-516e-46f6-ac50-44e6dd17a3ff"
SPIKE_EXPLORER_SETTINGS: Final = "ef54ef3d-3619-43aa-87ba-dc5f57f7e861"
PEAK_ACTIVITY_SETTINGS: Final = "f5dc873b-4aed-4a54-8c19-5743908684bb"
MAP_CREATOR_SETTINGS: Final = "a95db4a1-d124-4c52-8889-2264fcdb489b"

FILTER_PIPE: Final = "c632506d-c961-4a9f-b22b-ac7a56ce3552"
FILTER_SETTINGS: Final = "b181ceed-337d-4bda-99ec-e7e624cf49d0"
HIGH_PASS: Final = "00000000-0000-0000-0000-000000000000"

STA_ENTITY: Final = "442b7514-fe3a-4c66-8ae9-4f249ef48f2f"
AXON_PATHS: Final = "235c3c9c-1e94-40ca-8d4b-c5db5b079f16"

ROI_STAS: Final = "58c6e2a7-281c-4ace-884c-69f706bbc75e"
SOURCE: Final = "4b383ee7-f561-4dbd-abc9-1c0bf831c02c"
UNMIXING: Final = "1dc2e95d-f66e-4a95-b3f9-a40da9533601"
PROJECTION_MATRIX: Final = "3fa908a3-fac9-4a80-96a1-310d9bcdf617"

SORTER_SETTINGS: Final = {
    "SettingsPeakDetection": "3533aded-b369-4529-836d-9629eb1a27a8",
    "SettingsPostProcessing": "f20b653e-25fb-4f7a-ae8a-f35044f46720",
    "SettingsRoiDetection": "c7d23018-9006-45fe-942f-c5d0f9cde284",
    "SettingsSorterComputing": "713a9202-87e1-4bfe-ba80-b909a000aae5",
    "SettingsSorterGeneral": "62bc7b9f-7eea-4a88-a438-c618067d49f4",
}
