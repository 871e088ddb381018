"""How nearly two pictures are the same, by builtin's vectors."""

import numpy as np

from .builtin import CELLS, DIRECTIONS, coarse
from .facts import Vectors

GRID = 8
"""Places a side in which it sees colours."""


def alike(one: Vectors, two: Vectors) -> Vectors:
    """(n, m) cosines of what pictures are coarsely, or the first's mirror images, where these are nearer.

    A learned model gives a mirror image nearly the same vector; builtin says where things are.

    Args:
        one: (n, D) vectors of builtin.
        two: (m, D).
    """
    ones, twos = coarse(one), coarse(two)
    nearer: Vectors = np.maximum(ones @ twos.T, mirrored(ones) @ twos.T)
    return nearer


def mirrored(vectors: Vectors) -> Vectors:
    """`coarse` vectors (N, 256) as of the same pictures left for right, but for what rounding to places moves."""
    colours, lines = np.split(vectors, [GRID * GRID * 3], axis=1)
    colours = colours.reshape(-1, GRID, GRID, 3)[:, :, ::-1]
    # Level and upright lines stay as they are, the two diagonals change places.
    lines = lines.reshape(-1, CELLS, CELLS, DIRECTIONS)[:, :, ::-1][..., [0, 1, 3, 2]]
    return np.concatenate([colours.reshape(len(vectors), -1), lines.reshape(len(vectors), -1)], axis=1)
