"""A day of recordings: the list, what is done with it, and how far it is."""
