"""Embeddings with their labels from and to files of other systems: `.npz`, Parquet, CSV, FAISS; crops as COCO."""
