"""The same contract in Milvus."""
