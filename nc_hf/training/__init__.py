"""Neural collapse inside a Trainer."""
