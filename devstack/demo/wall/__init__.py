"""The wall's own database, looked at from outside the product."""
