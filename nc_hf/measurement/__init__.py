"""A model on a text: one pass, what it gathers, and the report of it."""
