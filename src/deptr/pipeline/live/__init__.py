"""Runs on frames that come in real time: what is asked, how they are opened, how late their results are."""
