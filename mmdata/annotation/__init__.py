"""Answers of models to prompts about rows: asked once, kept for ever."""
