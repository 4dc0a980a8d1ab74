"""From the light of a recording to the files that say what was shown.

```python
from hdmea.stimulus_setup import propose_for, write_stimuli

found = propose_for("2025.04.10-11.12.57-Rec.cmcr")
print(found.as_text())
write_stimuli(found)
```
"""

from __future__ import annotations

from hdmea.stimulus_setup.proposal import Proposal, ProposedBlock, UnknownBlock, propose_stimuli
from hdmea.stimulus_setup.proposed import ProposedStimuli, propose_for, write_stimuli

__all__ = [
    "Proposal",
    "ProposedBlock",
    "ProposedStimuli",
    "UnknownBlock",
    "propose_for",
    "propose_stimuli",
    "write_stimuli",
]
