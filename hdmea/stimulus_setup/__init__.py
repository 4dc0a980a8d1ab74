"""From the light of a recording to the files that say what was shown.

```python
from hdmea.stimulus_setup import propose_for, write_stimuli

found = propose_for("2025.04.10-11.12.57-Rec.cmcr")
print(found.as_text())
write_stimuli(found)
```

The same set-up for another recording that was shown the same:

```python
from hdmea.stimulus_setup import look_at, read_setup, setup_path, write_setup

other = look_at("2025.04.10-12.40.03-Rec.cmcr")
blocks = read_setup("2025.04.10-11.12.57-Rec.stimuli.json", other)
write_setup(blocks, setup_path(other.recording))
```
"""

from __future__ import annotations

from hdmea.stimulus_setup.blocks import Block, numbered, obeyed_padding, trial_frames
from hdmea.stimulus_setup.files import WrittenSetup, playlist_note, read_setup, setup_path, write_setup
from hdmea.stimulus_setup.proposal import Proposal, UnknownBlock, propose_stimuli
from hdmea.stimulus_setup.proposed import ProposedStimuli, propose_for, write_stimuli
from hdmea.stimulus_setup.recorded import (
    BlockCheck,
    RecordedStimulus,
    blocks_of_playlist,
    check_blocks,
    look_at,
    propose,
    renewed,
)

__all__ = [
    "Block",
    "BlockCheck",
    "Proposal",
    "ProposedStimuli",
    "RecordedStimulus",
    "UnknownBlock",
    "WrittenSetup",
    "blocks_of_playlist",
    "check_blocks",
    "look_at",
    "numbered",
    "obeyed_padding",
    "playlist_note",
    "propose",
    "propose_for",
    "propose_stimuli",
    "read_setup",
    "renewed",
    "setup_path",
    "trial_frames",
    "write_setup",
    "write_stimuli",
]
