"""Files of the Multi Channel Systems CMOS-MEA5000: `.cmcr` (raw) and `.cmtr` (spike-sorted)."""
