"""Where the stimulus is on the chip: seen, edited and stored."""
