"""What a person sets out to do, one file each, with the dialogs that only it opens."""
