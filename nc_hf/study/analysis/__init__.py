"""What a study's results say: with the loss, along each setting, among seeds, and beside what was published."""
