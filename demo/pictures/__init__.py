"""`make screenshots`: the pictures of the documents, taken of a throw-away installation with sample data."""
