"""What pages and syncs cost, measured; `make bench` runs it all."""
