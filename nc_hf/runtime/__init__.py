"""What every part stands on: files, tensors on disk, processes, precision, progress."""
