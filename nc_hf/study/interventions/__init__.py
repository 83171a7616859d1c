"""Interventions of a study: what collapse is made to be, in place of what training makes of it."""
