"""Motion, association, depth fusion and the trackers."""
