"""Views of the data; each asks for what it shows only while it is visible."""
