"""Stimulus set-up: which movie was shown when, seen on the recorded light, edited and written."""
