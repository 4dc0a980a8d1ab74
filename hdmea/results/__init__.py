"""The result file: how a session is written to HDF5 and read back."""
