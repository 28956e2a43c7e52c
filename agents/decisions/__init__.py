"""What happens: pure functions from state, command and advice to events or a rejection."""
