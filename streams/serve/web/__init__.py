"""Pages for people: viewers' pages, the console and the sign-in form, as templates and htmx.

* :mod:`~streams.serve.web.viewer_pages`: routes of a viewer's page; :mod:`~streams.serve.web.page_events`:
  its events.
* :mod:`~streams.serve.web.views`: a viewer's page as shelves of cards, and its wording.
* :mod:`~streams.serve.web.console`: pages about a viewer, a title, trending lists, dead letters, topics, the
  model, with the figures of :mod:`~streams.serve.web.console_metrics` and of
  :mod:`~streams.serve.web.history`, drawn by :mod:`~streams.serve.web.charts`;
  :mod:`~streams.serve.web.console_experiments`, :mod:`~streams.serve.web.console_rules`,
  :mod:`~streams.serve.web.console_preview`, :mod:`~streams.serve.web.console_insights` and
  :mod:`~streams.serve.web.console_access` have a page each; :mod:`~streams.serve.web.forms` reads forms.
* :mod:`~streams.serve.web.login`: signing in and out.
* :mod:`~streams.serve.web.posters`: drawn artwork and avatars, out of
  :mod:`~streams.serve.web.poster_scenes`.
* :mod:`~streams.serve.web.rendering`: the environment of the templates.

``templates`` has the HTML, ``static`` scripts, styles and icons; ``static/vendor`` is a copy of htmx.
"""
