"""Answers searches over HTTP: `mmdata serve`. Knows no corpus, and who asks only by a key."""
