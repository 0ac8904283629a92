"""Prunes: which steps delete what retention does not keep, and what undoes them. Pure."""
