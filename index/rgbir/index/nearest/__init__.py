"""Which rows are nearest: exactly with a proof, or quicker and audited. NumPy and FAISS; no file, no camera network."""
