"""What every room of the engine shares: the exceptions, and nothing else."""
