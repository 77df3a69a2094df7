"""Counting: who crosses a line, who enters and leaves a zone, and when."""
