"""Cases: what people decided about the hits of searches, with the pictures that they decided on. No HTTP."""
