"""What the work of this package is held against: bare operations that no way of doing it can do without."""
