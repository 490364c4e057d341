"""The ARMS-compatible RPC API at `/`: clients made for Alibaba Cloud's ARMS 2019-08-08 manage Tocsin unchanged."""
