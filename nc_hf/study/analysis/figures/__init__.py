"""The figures of a study, one file each: what is told by colour, shape and columns follows from what varies."""
