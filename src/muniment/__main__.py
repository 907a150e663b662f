"""Lets `python -m muniment` be the command `muniment`."""

from muniment.cli.start import run

run()
