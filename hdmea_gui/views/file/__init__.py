"""View: the file that will be saved."""
