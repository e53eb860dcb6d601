"""Pages of a block of viewers, out of their score rows (the prose: `online_models.page`).

``layout`` and ``working`` name the arrays, ``pools`` what everybody shares at a moment, ``rows``, ``tags``
and ``draw`` draft rows out of what ``kept`` keeps and out of sets of titles (``bits``), ``order`` puts a page
together, ``proportions`` mixes its top picks, ``pins`` does what rules ask, ``categories`` and ``alerts`` go
beside the rows; ``build`` is the road through them.
"""
