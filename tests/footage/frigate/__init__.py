"""Doubles of Frigate and of a broker, and what both say of people who were drawn."""
