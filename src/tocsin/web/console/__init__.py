"""The console: pages for people, over the same services as every other door."""
