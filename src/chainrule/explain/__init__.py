"""The derivation of a computation: what was computed, under the user's own names, and how its gradient follows."""
