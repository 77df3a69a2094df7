"""The identity decoder: a small network that says which remembered identity a detection carries on."""
