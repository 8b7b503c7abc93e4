"""The colours of every picture: those of Okabe and Ito, told apart with any colour vision."""

from __future__ import annotations

Colour = tuple[int, int, int]  # red, green and blue, 0 to 255

ORANGE: Colour = (230, 159, 0)
SKY: Colour = (86, 180, 233)
GREEN: Colour = (0, 158, 115)
YELLOW: Colour = (240, 228, 66)
BLUE: Colour = (0, 114, 178)
VERMILION: Colour = (213, 94, 0)
PURPLE: Colour = (204, 121, 167)
WHITE: Colour = (255, 255, 255)

# For text and aids that carry no meaning of their own.
INK: Colour = (28, 31, 36)
GREY: Colour = (115, 119, 125)
SHADE: Colour = (228, 230, 233)
RULE: Colour = (216, 220, 226)

# Masks over grey slices, in this order: the brightest first. Blue is too dark on grey.
ON_GREY = (ORANGE, SKY, YELLOW, PURPLE, VERMILION, GREEN)


def css(colour: Colour) -> str:
    """A colour as matplotlib and style sheets write it.

    >>> css(ORANGE)
    '#e69f00'
    """
    return "#{:02x}{:02x}{:02x}".format(*colour)
