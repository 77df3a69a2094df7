"""Synthetic worlds with exact boxes, masks, identities and depth."""
