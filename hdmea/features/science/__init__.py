"""What features and steps share: pure functions on arrays, compiled kernels where they pay."""
