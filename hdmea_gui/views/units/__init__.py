"""View: responses of the selected units to a movie, side by side."""
