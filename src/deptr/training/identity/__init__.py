"""Training of the identity decoder: simulated tracks, the network, its losses."""
