"""Tables for the terminal and for Markdown files."""

from collections.abc import Collection, Sequence


def columns(rows: Sequence[Sequence[object]], right: Collection[int] = ()) -> str:
    """Aligns cells in columns, two spaces apart.

    Args:
        rows: The cells of each row, the header's first. All rows have the same length.
        right: Indices of the columns that are aligned to the right. The others are aligned to
            the left.

    Returns:
        One line per row, without spaces at its end.

    Raises:
        ValueError: If rows differ in length.
    """
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in texts
    )


def markdown(rows: Sequence[Sequence[object]]) -> str:
    """Formats a Markdown table.

    Args:
        rows: The cells of each row, the header's first. All rows have the same length.

    Returns:
        The lines of the table.
    """
    head, *body = (f"| {' | '.join(map(str, row))} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])
