"""What is configured, as files: read, compared with the installation, applied and written again. No tables."""
