"""What files may say, and how two states of an installation differ, without a database."""
