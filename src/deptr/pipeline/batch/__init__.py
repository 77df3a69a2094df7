"""Many runs of tracking: which sources, what is finished, how they are spread, what came of them."""
