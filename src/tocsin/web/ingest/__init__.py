"""What senders other than Prometheus post: a dialect each, and the token in the path."""
