"""Depth-aware tracking for ROS 2: `tracking` does the work and knows no ROS, `node` connects it."""
