"""Numbers, sizes, dates and help as a user reads them."""
