"""The paths, one module per resource."""
