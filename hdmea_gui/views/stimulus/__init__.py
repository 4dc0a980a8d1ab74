"""View: light channels, display frames and sections over time."""
