"""One run of tracking: what is asked, what it is made of, the loop over its frames, the folder it writes."""
