"""The Alertmanager v2 API: Prometheus, vmalert, Loki, Grafana and amtool post to it unchanged."""
