"""The pages that people look at, and the same as JSON: who may see them, and what stands on them."""
