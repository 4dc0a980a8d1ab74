"""What the speed page of the documentation is made from; run with ``python -m benchmarks.<name>``."""
