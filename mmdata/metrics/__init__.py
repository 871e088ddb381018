"""Metrics: pure functions of what was true and what was said. Nothing here opens a folder or a file."""
