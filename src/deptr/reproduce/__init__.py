"""The paper's main table as one command: from data and public weights to HOTA with and without depth."""
