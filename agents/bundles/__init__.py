"""The bundle service: what each OPA process holds, and which activations that confirms."""
