"""Association by one likelihood ratio over place, size and depth, with every noise learned online."""
