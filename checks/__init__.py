"""The judgement: a tree of files in, an inspection out. Pure: no network, process, clock or environment."""
