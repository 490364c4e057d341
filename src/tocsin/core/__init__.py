"""Words, values and arithmetic that every part shares. No Django, no I/O."""
