"""Learning how people look: `deptr.detector.looks` reads what comes out."""
