"""Learners that fit data by themselves."""
