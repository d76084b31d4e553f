"""The pages that people read, one file each."""
