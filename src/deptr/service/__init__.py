"""Tracking as a service: sessions that take frames or detections over HTTP or WebSocket and answer tracks."""
