"""Depth of boxes: out of depth maps, out of points, with the cameras that saw them."""
