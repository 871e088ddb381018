"""Searching: pictures and words as vectors, where they are kept, and what is near to what."""
