"""Configurations of other systems, as files for `tocsin apply`: what cannot be carried over is said, not dropped."""
