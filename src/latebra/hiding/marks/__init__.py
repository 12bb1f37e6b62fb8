"""Marks in photographs: where they lie, how they are found again, how they are made sure."""
