"""An Ingress beside the routes that answer for it now."""
