"""What workers have in common that count beside the lists: experiments and insights.

`streams.beside.worker` gives them a group and a state folder of their own, `streams.beside.counting` the
events as they read them, `streams.beside.shelf` the catalogue, `streams.beside.packing` the form of rows.
"""
