"""`python -m tocsin.cli`, for processes that start each other with the same interpreter."""

from tocsin.cli import main

main()
