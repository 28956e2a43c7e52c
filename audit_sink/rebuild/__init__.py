"""``governance audit rebuild``: rows that a database lost, brought back from the bucket."""
