"""What workers have in common that count beside the lists: experiments and insights.

`streams.stages.analytics.worker` gives them a group and a state folder of their own, `streams.stages.analytics.events` the
events as they read them, `streams.stages.analytics.catalog_counts` the catalog, `streams.stages.analytics.packing` the form of rows.
"""
