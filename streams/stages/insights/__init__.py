"""Insights for content teams: how titles are watched, and what viewers want that the catalog lacks.

A worker of its own (`streams.stages.insights.worker`) has two stages: `streams.stages.insights.visits` (what is new about a
title or a search, by viewer) and `streams.stages.insights.step` (how titles are watched, what is wanted), with the
rows of `streams.stages.insights.visit_rows` and `streams.stages.insights.rows`. `streams.ops.insights.tables` is what people
are handed, `streams.ops.insights.simulation` a world in which it is known what is scarce.

The arithmetic is in `online_models.insights`.
"""
