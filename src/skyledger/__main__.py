"""`python -m skyledger` is the `skyledger` command."""

from skyledger.cli import main

main()
