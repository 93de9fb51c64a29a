"""Labelling by people in sessions that are kept: which items are asked, labels and undo, what was drawn at random.

Knows nothing of models, nor of what an item is: plugins say what is asked next and how it is shown.
"""
