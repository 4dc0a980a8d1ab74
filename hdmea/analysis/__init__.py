"""What views and reports show: pure functions on arrays."""
