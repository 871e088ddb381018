"""Evaluating: predictions beside what is true, and the report of it."""
