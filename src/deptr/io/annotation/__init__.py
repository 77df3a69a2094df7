"""Formats of annotation tools, a file each: tracks out to be corrected, corrections in as ground truth."""
