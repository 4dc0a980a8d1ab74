"""Windows that ask one thing and hand the answer on."""
