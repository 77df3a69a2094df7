"""The steps of a reproduction, each content-addressed, resumable and skipped when it is done."""
