"""Where a run's depths come from: each source puts depth into the detections of a moment."""
