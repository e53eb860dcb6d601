"""Numba kernels over contiguous arrays: learn, rank, encode. They release the GIL, allocate per call and never per event.

``layout`` names the arrays, ``hashing`` derives every draw from a key, ``history`` keeps what a viewer knows, ``learn`` holds
the two sides' learning, ``rank`` turns a block of viewers into lists, ``trial`` tests before it learns, ``encode`` writes bytes.
"""
