"""What is inside a causal language model: its decoder, its head, and the tap on its features."""
