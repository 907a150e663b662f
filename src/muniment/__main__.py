"""Lets `python -m muniment` be the command `muniment`."""

from muniment.cli.main import run

run()
