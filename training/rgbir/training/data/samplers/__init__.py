"""Samplers: which images make a batch. They see identities and modalities only."""
