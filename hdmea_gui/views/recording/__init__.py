"""View: the recording at a glance."""
