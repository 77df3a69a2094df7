"""Frames, text files, data set layouts and labels: everything that touches the disk."""
