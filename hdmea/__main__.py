"""``python -m hdmea`` is the command line."""

from hdmea.cli import main

if __name__ == "__main__":
    main()
