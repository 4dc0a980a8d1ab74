"""Numbers, sizes, dates and help as a person reads them."""
