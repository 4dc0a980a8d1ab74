"""What a user sets out to do, one file each, with the dialogs that only it opens."""
