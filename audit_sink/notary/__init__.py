"""The notary: reads the wall as anybody could, recomputes it, and signs only what continues its last word."""
