"""Answers put right by rules, by a model, or by a person: every edit is a row of its own in the store."""
