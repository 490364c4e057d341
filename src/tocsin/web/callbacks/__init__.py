"""Where vendors report what became of a message: /callbacks/<provider>/<token>."""
