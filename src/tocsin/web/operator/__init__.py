"""What operators' programs read: /healthz, /readyz and /metrics. Counts only, no names and no numbers of people."""
