"""Numba kernels over contiguous arrays. They release the GIL, and allocate per call, never per event.

``layout`` names the arrays, ``hashing`` derives every draw from a key, ``history`` keeps what a viewer knows,
``factorization`` is the arithmetic of both sides, ``observe`` the viewers' learning, ``absorb`` the titles',
``rank`` turns a block of viewers into lists (``shortlist`` multiplies few titles for each, ``alone`` makes a
single list, ``top`` finds the best of many scores),
``page`` into pages, ``trial`` tests before it learns, ``pack`` and ``encode`` write bytes.
``python -m online_models.kernels`` compiles them all.

Numba's cache on disk does not notice that a function *called* from another file has changed: after an edit
run that program, which drops what is stale.
"""
