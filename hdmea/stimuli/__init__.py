"""What was shown and when: frames, sections, trials, light. Pure functions on arrays."""
