"""What the views show, as Qt models: no engine object, no drawing."""
