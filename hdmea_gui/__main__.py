"""`python -m hdmea_gui` starts the window."""

import sys

from hdmea_gui.shell.app import main

if __name__ == "__main__":
    sys.exit(main())
