"""Nets: layers, losses, initialisers, Sequential, models made in one call, saving and loading."""
