"""The study of width, depth and training: its grid, its runs, its analysis, and what was published."""
