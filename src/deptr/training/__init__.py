"""Data sets, losses and the trainer of the DepTR detector."""
