"""The steps of the pipeline, one file each; a new file is found without being listed anywhere."""
