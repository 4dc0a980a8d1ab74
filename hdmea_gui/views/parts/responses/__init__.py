"""Responses of units to a movie: shared by the views of one and of several units."""
