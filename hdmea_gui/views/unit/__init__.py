"""View: one unit."""
