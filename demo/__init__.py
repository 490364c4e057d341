"""The product's story in a minute: a rule fires, people are told, one does not pick up. `python -m demo`.

It stands outside: it runs `tocsin serve` and other commands, opens pages as a browser would, and may use simulators.
"""
