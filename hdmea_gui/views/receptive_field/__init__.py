"""View: the receptive field of a unit."""
