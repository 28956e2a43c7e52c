"""The parts of the bench that judge: a bench that cannot fail measures nothing."""
