"""What is known of controllers, policies and annotations: data, with its sources."""
