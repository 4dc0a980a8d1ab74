"""View: the electrical image of a unit."""
