"""Where the stimulus lies on the chip: seen, edited and stored."""
