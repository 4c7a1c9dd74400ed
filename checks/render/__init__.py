"""Inspections for people and for programs. A renderer takes views and gives a text; nothing is printed here.

What comes from a repository (paths, lines, messages) is made visible: it can't move a cursor or turn a line around.
"""
