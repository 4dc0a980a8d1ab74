"""Import path of older scripts; the code is in `hdmea.results.files`."""

from hdmea.results.files import *  # noqa: F403
