"""Foundation models turn boxes into instance depth labels, offline, once."""
