"""Projections made anew from the event table, lane by lane, while workers go on."""
