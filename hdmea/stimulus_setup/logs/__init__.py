"""Logs of stimulus programs: one file for each format; installed packages add others."""
