"""How few labels are trained; measured in docs/experiments/bert_finetune.md#few-labels-beside-setfit."""

MANY_CLASSES = 20  # above, few labels are trained by another loss, and a new head at a higher rate
FEW_ROWS = 16  # of a class


def is_by_cosines(rows: int, classes: int) -> bool:
    """Whether the cosines of all pairs count alike, rather than most those that are hardest to tell apart."""
    return classes <= MANY_CLASSES and (classes > 2 or rows <= FEW_ROWS * classes)


def is_slow(rows: int, classes: int) -> bool:
    """Whether a lower rate and more steps did better."""
    return is_by_cosines(rows, classes) and rows > FEW_ROWS * classes
