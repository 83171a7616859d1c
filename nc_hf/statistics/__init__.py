"""Statistics of features by class: accumulated, merged, saved."""
