"""Recordings in: what acquisition systems and spike sorters write, as data with names and units."""
