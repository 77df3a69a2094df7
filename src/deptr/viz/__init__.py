"""Overlay, bird's-eye view and contact sheets."""
