"""The columns of a results table that are no settings, in words, and how one names what belongs to a value."""

from __future__ import annotations

STDERR = "_stderr"
"""Behind the name of a value: its standard error."""

HALVES = ("_half_1", "_half_2")
"""Behind the name of a value: the same of one of two disjoint halves of the validation text."""

OTHER_TEXT = "ood_"
"""Before the name of a value: the same on the second corpus."""

STATE = {
    "saved_epoch": "epochs done less one; -1 is initialisation",
    "trained_epochs": "epochs done; made where a table is read",
    "saved_step": "steps of the optimizer done",
}
"""Where in its training a run was saved."""

SIZES = {
    "parameters": "of the model, shared ones once",
    "train_tokens": "next tokens of the training text",
    "trained_tokens": "tokens trained on so far, those of later epochs again",
    "measured_tokens": "next tokens of the training text on which NC1-NC3 were measured",
    "validation_tokens": "next tokens of the validation text",
    "ood_tokens": "next tokens of the second corpus",
    "classes_seen": "next-token classes with a token in the measured text",
    "classes_hash": "sha256 of the list of classes that count: rows with one hash speak of the same classes",
    "train_seconds": "seconds that the cell trained; in `timings.csv`",
    "measure_seconds": "seconds that the state was measured; in `timings.csv`",
}
"""What follows from the settings, or is no matter of them."""

OUTCOMES = {
    "val_loss": "mean cross-entropy of the validation text, nats a token",
    "val_accuracy": "share of validation tokens that the argmax gets right, in [0, 1]",
    "perplexity": "exp of `val_loss`",
}
"""How well the model predicts validation text."""

CALIBRATION = {"val_calibration_error": "expected calibration error of the predicted next token, in [0, 1]"}
