"""The command in this process: what it prints, and the form of a refusal."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from nc_hf.cli import app


def invoke(*arguments: object, columns: int = 120, answer: str | None = None) -> Result:
    """Run the command; an error that is no refusal reaches the test."""
    strings = [str(argument) for argument in arguments]
    result = CliRunner().invoke(app, strings, input=answer, prog_name="nc-hf", env={"COLUMNS": str(columns)})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def run(*arguments: object, code: int = 0, columns: int = 120) -> str:
    """Run the command and return what it prints; a refusal returns standard error."""
    result = invoke(*arguments, columns=columns)
    assert result.exit_code == code, result.output
    if code:
        assert result.stdout == ""
    return result.stderr if code else result.stdout


def refusal(*arguments: object, code: int) -> str:
    """Run a command that is to be refused, check the form of the message, and return it."""
    message = run(*arguments, code=code)
    assert message.startswith("nc-hf: ")
    assert message.count("\n") == 1
    assert message.endswith(".\n")
    return message
