"""What views share: plots, panels, players, the export of a picture."""
