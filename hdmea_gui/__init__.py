"""The desktop application: it draws, asks and reports; the engine computes."""
