"""Is this recording worth keeping? Lights with a number and a sentence, within a minute.

```python
from hdmea.health import health

for light in health("2025.04.10-11.12.57-Rec.cmcr").lights:
    print(light.light, light.name, light.value, light.unit, light.sentence)
```
"""

from __future__ import annotations

from hdmea.health.check import health, health_of
from hdmea.health.lights import ElectrodeMap, Health, Light, RateCourse
from hdmea.health.limits import HealthLimits
from hdmea.health.page import health_page, lights_table
from hdmea.health.watch import Watched, watch

__all__ = [
    "ElectrodeMap",
    "Health",
    "HealthLimits",
    "Light",
    "RateCourse",
    "Watched",
    "health",
    "health_of",
    "health_page",
    "lights_table",
    "watch",
]
