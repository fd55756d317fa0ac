"""What a side counts by itself: its controller's metrics and Prometheus, read, compared and judged."""
