"""Import path of older scripts; the code is in `hdmea.results.hdf5_store`."""

from hdmea.results.hdf5_store import *  # noqa: F403
