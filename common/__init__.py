"""What the box and headquarters both need and the pure core cannot hold, because it does I/O (docs/adr/0012)."""
